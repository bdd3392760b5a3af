"""Requests to addresses that people give: which are refused, that the judged address is the called one, and the limits."""

import gzip
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest

from security import outgoing
from security.limits import OUTGOING_ANSWER_BYTES_LIMIT
from security.outgoing import AddressRefused, OutgoingError, checked, is_public, send

# Address ranges of the IANA special-purpose registries, what they translate to, and the metadata addresses of clouds.
NOT_PUBLIC = (
    "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1"
    " 192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255"
    " :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b:1::1 100::1"
    " 2001::1 2001:db8::1 2002:7f00:1::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1"
)
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_no_address_of_our_own_network_is_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *("", "ftp://example.com/", "file:///etc/passwd", "//example.com", "example.com", "https://", "gopher://x/"),
        *("https://user:password@example.com/", "https://user@example.com/", "https://example.com/\n", "https://[::1/"),
        *("https://exa mple.com/", "https://example.com:99999/", "https://" + "a" * 3000 + "/", "javascript:alert(1)"),
    ],
)
def test_what_is_no_acceptable_address_is_refused_without_asking_anybody(url, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: pytest.fail("it asked for the name"))

    with pytest.raises(AddressRefused):
        send(method="POST", url=url)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0x7f000001", "2130706433", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "0"],
)
def test_no_way_of_writing_the_own_machine_helps(host):
    with pytest.raises((AddressRefused, OutgoingError)):
        send(method="GET", url=f"https://{host}/")


class Receiver(BaseHTTPRequestHandler):
    """A receiver at the network's edge: keeps what it got, answers as its server says."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["Host"], dict(self.headers), body))
        status, headers, answer = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_args):
        pass


@pytest.fixture
def receiver(settings, monkeypatch):
    """The receiver, known as receiver.test; the operator lets its network be called."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.answer = [], (200, {}, b"thanks")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.OUTGOING_NETWORKS = ["127.0.0.0/8"]
    names(monkeypatch, "127.0.0.1")
    server.url = f"http://receiver.test:{server.server_port}/hook?a=1"
    yield server
    server.shutdown()
    server.server_close()


def names(monkeypatch, *addresses):
    """Let every name stand for these addresses."""
    found = [(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 0)) for a in addresses]
    real = socket.getaddrinfo

    def ask(host, *args, **kwargs):
        return found if host == "receiver.test" else real(host, *args, **kwargs)

    monkeypatch.setattr(outgoing.socket, "getaddrinfo", ask)


def test_a_request_arrives_under_its_name(receiver):
    answer = send(method="POST", url=receiver.url, content=b"body", headers={"X-Mine": "1"})

    assert (answer.status, answer.body) == (200, b"thanks")
    ((path, host, headers, body),) = receiver.got
    assert (path, host, body) == ("/hook?a=1", f"receiver.test:{receiver.server_port}", b"body")
    assert headers["X-Mine"] == "1"


def test_without_the_operator_s_word_the_own_network_is_refused(receiver, settings):
    settings.OUTGOING_NETWORKS = []

    with pytest.raises(AddressRefused, match="public internet"):
        send(method="POST", url=receiver.url)
    assert receiver.got == []


def test_a_name_that_stands_for_a_public_and_a_private_address_is_refused(receiver, settings, monkeypatch):
    settings.OUTGOING_NETWORKS = []
    names(monkeypatch, "8.8.8.8", "127.0.0.1")

    with pytest.raises(AddressRefused):
        send(method="POST", url=receiver.url.replace("http:", "https:"))
    assert receiver.got == []


def test_the_name_is_asked_for_once_and_the_judged_address_is_called(receiver, monkeypatch):
    asked = []
    real = outgoing.socket.getaddrinfo

    def rebinding(host, *args, **kwargs):
        asked.append(host)
        assert len(asked) == 1 or host == "127.0.0.1", (
            "the name was asked for again: it could stand for another address now"
        )
        return real(host, *args, **kwargs)

    monkeypatch.setattr(outgoing.socket, "getaddrinfo", rebinding)

    send(method="POST", url=receiver.url)

    assert asked[0] == "receiver.test"
    assert "receiver.test" not in asked[1:]


def test_a_public_address_needs_tls(monkeypatch):
    names(monkeypatch, "8.8.8.8")

    with pytest.raises(AddressRefused, match="https"):
        send(method="POST", url="http://receiver.test/")


def test_a_redirect_is_an_answer_and_is_not_followed(receiver):
    receiver.answer = (302, {"Location": "http://169.254.169.254/latest/meta-data/"}, b"")

    assert send(method="POST", url=receiver.url).status == 302
    assert len(receiver.got) == 1


def test_a_proxy_of_the_environment_is_not_used(receiver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    assert send(method="POST", url=receiver.url).status == 200


def test_an_answer_that_does_not_end_is_cut_off(receiver):
    receiver.answer = (200, {}, b"x" * (OUTGOING_ANSWER_BYTES_LIMIT + 1))

    with pytest.raises(OutgoingError, match="more than"):
        send(method="POST", url=receiver.url)


def test_a_small_answer_that_unpacks_to_a_large_one_stays_packed(receiver):
    bomb = gzip.compress(b"\0" * 50_000_000)
    receiver.answer = (200, {"Content-Encoding": "gzip"}, bomb)

    assert len(send(method="POST", url=receiver.url).body) == len(bomb)


def test_an_answer_that_trickles_is_given_up(receiver, monkeypatch):
    class Time:
        moments = iter(range(0, 1000, 20))

        @classmethod
        def monotonic(cls):
            return next(cls.moments)

    monkeypatch.setattr(outgoing, "time", Time)

    with pytest.raises(OutgoingError, match="seconds"):
        send(method="POST", url=receiver.url)


def test_whoever_does_not_answer_is_told_so(receiver):
    receiver.shutdown()
    receiver.server_close()

    with pytest.raises(OutgoingError, match="did not answer") as error:
        send(method="POST", url=receiver.url)
    assert not isinstance(error.value, AddressRefused)


def test_a_form_is_told_before_anything_is_sent():
    assert checked(url="https://example.com/hook").host == "example.com"
