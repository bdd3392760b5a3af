"""What only a real server shows: how bodies arrive, what headers become, and that a connection survives every answer."""

import http.client
import io
import json
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from ledger.limits import BODY_BYTES_MAX
from tests.api.calls import adds

BODY = b'{"entries":[{"account":"cash","amount":"1"}]}'


@pytest.fixture
def wire(live_server_url, token, api):
    """A connection to the live server, and the head of a request on it."""
    return Wire(live_server_url, token, api)


class Reader(io.BufferedReader):
    def close(self):
        """Stay open for the next answer."""


class Wire:
    def __init__(self, *arguments):
        self.arguments = url, token, api = arguments
        self.address = (urlsplit(url).hostname, urlsplit(url).port)
        self.head = {
            "Host": urlsplit(url).netloc,
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }
        self.root = api.root
        self.connection = socket.create_connection(self.address, timeout=20)
        self.reader = Reader(socket.SocketIO(self.connection, "rb"))

    def send(self, method, path, *, headers=(), body=b"", without=()):
        """Send one request as it is given, byte by byte; `headers` are pairs of bytes."""
        lines = [f"{method} {self.root}{path} HTTP/1.1".encode()]
        lines += [f"{name}: {value}".encode() for name, value in self.head.items() if name not in without]
        lines += [name + b": " + value for name, value in headers]
        self.connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def answer(self, method="POST"):
        """Read one answer: status, headers, body."""
        response = http.client.HTTPResponse(self, method=method)
        response.begin()
        return response.status, response.headers, response.read()

    def makefile(self, _mode):
        """The one reader: an answer must not swallow the beginning of the next."""
        return self.reader

    def post(self, body, *, key=b"key", headers=()):
        length = (b"Content-Length", str(len(body)).encode())
        self.send("POST", "/operations", headers=[length, (b"Idempotency-Key", key), *headers], body=body)
        return self.answer()


def chunks(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def test_a_chunked_body_is_read(wire, api):
    headers = [(b"Transfer-Encoding", b"chunked"), (b"Idempotency-Key", b"chunked")]

    with adds(api, operations=1, entries=1):
        wire.send("POST", "/operations", headers=headers, body=chunks(BODY[:7], BODY[7:8], BODY[8:]))
        status, _, document = wire.answer()

    assert (status, json.loads(document)["key"]) == (201, "chunked")


def test_a_chunked_body_is_bounded_too(wire, api):
    headers = [(b"Transfer-Encoding", b"chunked"), (b"Idempotency-Key", b"chunked")]
    wire.send("POST", "/operations", headers=headers)
    part = chunks(b" " * 1_000_000).removesuffix(b"0\r\n\r\n")

    with adds(api):
        with suppress(ConnectionError):  # the server may have answered already
            for _ in range(BODY_BYTES_MAX // 1_000_000 + 2):
                wire.connection.sendall(part)
            wire.connection.sendall(b"0\r\n\r\n")
        status, headers, document = wire.answer()

    assert (status, headers["Content-Type"]) == (413, "application/problem+json")
    assert str(BODY_BYTES_MAX) in json.loads(document)["detail"]


@pytest.mark.parametrize("length", [str(BODY_BYTES_MAX + 1), "99999999999", "9" * 18])
def test_a_body_that_announces_too_much_is_refused_before_it_is_sent(wire, api, length):
    with adds(api):
        wire.send("POST", "/operations", headers=[(b"Content-Length", length.encode()), (b"Idempotency-Key", b"k")])
        status, _, document = wire.answer()

    assert (status, json.loads(document)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("length", [b"-1", b"x", b"1e3", b"+5", b"0x10", b"5, 5", b"9" * 40])
def test_a_length_that_is_none_is_refused(wire, api, length):
    with adds(api):
        wire.send("POST", "/operations", headers=[(b"Content-Length", length), (b"Idempotency-Key", b"k")], body=BODY)
        status, _, _ = wire.answer()

    assert 400 <= status < 500


def test_a_body_with_two_lengths_is_refused(wire, api):
    headers = [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked"), (b"Idempotency-Key", b"k")]
    two = [(b"Content-Length", str(len(BODY)).encode()), (b"Content-Length", b"5"), (b"Idempotency-Key", b"k")]

    with adds(api):
        wire.send("POST", "/operations", headers=two, body=BODY)
        assert 400 <= wire.answer()[0] < 500
    other = Wire(*wire.arguments)
    other.send("POST", "/operations", headers=headers, body=chunks(BODY))
    # RFC 9112 lets a server refuse, or read it as chunked; what it must not do is read 5 bytes and take the rest for a request.
    assert other.answer()[0] in {201, 400}


@pytest.mark.parametrize(
    ("framing", "sent"),
    [
        ((b"Content-Length", b"1000"), BODY),
        ((b"Content-Length", b"46"), BODY[:-1]),
        # a chunked body without its end looks whole to us, but JSON itself tells where it ends
        ((b"Transfer-Encoding", b"chunked"), chunks(BODY[:-1]).removesuffix(b"0\r\n\r\n")),
        ((b"Transfer-Encoding", b"chunked"), chunks(BODY)[:20]),
    ],
)
def test_a_body_that_never_comes_whole_posts_nothing(wire, api, framing, sent):
    with adds(api):
        wire.send("POST", "/operations", headers=[framing, (b"Idempotency-Key", b"k")], body=sent)
        wire.connection.shutdown(socket.SHUT_WR)
        answer = wire.connection.recv(4096)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_a_client_that_asks_first_may_go_on(wire):
    headers = [(b"Content-Length", str(len(BODY)).encode()), (b"Idempotency-Key", b"k"), (b"Expect", b"100-continue")]
    wire.send("POST", "/operations", headers=headers)
    first = wire.connection.recv(64)
    assert first.startswith(b"HTTP/1.1 100"), first

    wire.connection.sendall(BODY)

    assert wire.answer()[0] == 201


def test_a_connection_serves_one_request_after_another_whatever_the_answers(wire, api):
    statuses = [
        wire.post(BODY, key=b"a")[0],
        wire.post(b"{", key=b"b")[0],
        wire.post(BODY, key=b"a")[0],
        wire.post(BODY, key="ключ".encode())[0],
        wire.post(BODY, key=b"caf\xe9")[0],
        wire.post(BODY, key=b"")[0],
        wire.post(BODY, key=b"x" * 256)[0],
        wire.post(BODY, key=b"c", headers=[(b"Accept", b"text/html")])[0],
    ]
    for method in ("HEAD", "GET", "DELETE"):
        wire.send(method, "/accounts/cash")
        statuses.append(wire.answer(method)[0])
    statuses.append(wire.post(BODY, key=b"d")[0])

    assert statuses == [201, 400, 201, 400, 400, 400, 400, 406, 200, 200, 405, 201]
    assert api.balance("cash") == "2.00"


@pytest.mark.parametrize(
    ("kind", "status"), [(b"text/plain", 415), (b"application/json; charset=utf-8", 201), (b"", 415), (b"caf\xe9", 415)]
)
def test_an_answer_before_the_body_was_read_keeps_the_connection_in_step(wire, kind, status):
    body = BODY + b" " * 300_000
    length = (b"Content-Length", str(len(body)).encode())
    headers = [length, (b"Idempotency-Key", b"k"), (b"Content-Type", kind)]

    wire.send("POST", "/operations", headers=headers, body=body, without=["Content-Type"])

    assert wire.answer()[0] == status
    with suppress(ConnectionError):  # closing is in step, too
        assert wire.post(BODY, key=b"after")[0] == 201


def test_requests_sent_at_once_are_answered_in_order(wire, api):
    for number in range(5):
        length = (b"Content-Length", str(len(BODY)).encode())
        wire.send("POST", "/operations", headers=[length, (b"Idempotency-Key", b"k%d" % number)], body=BODY)

    keys = [json.loads(wire.answer()[2])["key"] for _ in range(5)]

    assert keys == [f"k{number}" for number in range(5)]


def test_a_key_given_twice_is_not_silently_one_of_them(wire, api):
    headers = [(b"Content-Length", str(len(BODY)).encode()), (b"Idempotency-Key", b"one"), (b"Idempotency-Key", b"two")]

    wire.send("POST", "/operations", headers=headers, body=BODY)
    status, _, document = wire.answer()

    assert status == 400 or json.loads(document)["key"] not in {"one", "two"}


def test_a_compressed_body_is_refused(wire, api):
    with adds(api):
        status, _, _ = wire.post(b"\x1f\x8b\x08\x00\x00\x00\x00\x00", headers=[(b"Content-Encoding", b"gzip")])

    assert status in {400, 415}


def test_head_sends_no_body(wire):
    wire.send("HEAD", "/accounts")
    status, headers, body = wire.answer("HEAD")

    assert (status, body, headers["Content-Type"]) == (200, b"", "application/json")
    wire.connection.settimeout(0.3)
    with pytest.raises(TimeoutError):
        wire.connection.recv(1)


@pytest.mark.parametrize(
    "path", ["/accounts/\xff", "/accounts/%ff", "/accounts?prefix=%ff", "/accounts?prefix=\xff", "/%00", "/%"]
)
def test_bytes_that_are_no_text_in_an_address_are_refused(wire, path):
    wire.connection.sendall(
        f"GET {wire.root}".encode()
        + path.encode("latin-1")
        + b" HTTP/1.1\r\n"
        + b"".join(f"{name}: {value}\r\n".encode() for name, value in wire.head.items())
        + b"\r\n"
    )

    assert wire.answer("GET")[0] in {400, 404}


def test_a_very_long_address_or_header_is_refused(live, api):
    assert 400 <= live.get(f"{api.root}/accounts/{'x' * 60_000}").status_code < 500
    assert live.get(f"{api.root}/accounts", headers={"X-Much": "x" * 60_000}).status_code in {200, 400, 431}


def test_every_answer_names_the_request(live, api):
    for path in (f"{api.root}/accounts", "/api/v1/nothing", "/livez", "/readyz", "/api/schema"):
        assert live.get(path, headers={"X-Request-Id": "request-of-mine"}).headers["X-Request-Id"] == "request-of-mine"


@pytest.mark.parametrize("fields", [["x" * 2_000_000], ["x"] * 200])
def test_a_head_has_its_limit_and_the_server_goes_on(live_server_url, live, api, fields):
    address = urlsplit(live_server_url)
    head = f"GET /livez HTTP/1.1\r\nHost: {address.netloc}\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection, suppress(OSError):
        connection.sendall((head + "".join(f"X-{n}: {v}\r\n" for n, v in enumerate(fields)) + "\r\n").encode())
        answer = connection.recv(200)
        assert answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400")) or answer == b"", answer

    assert live.get(api.root + "/accounts").status_code == 200
