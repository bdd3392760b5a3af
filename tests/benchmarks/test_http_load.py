"""The HTTP load generator counts what was answered rightly and stops at the first wrong answer."""

import itertools
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import http_load
from benchmarks.cases import MeasurementFailedError


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    keys: set[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.add(self.headers["Idempotency-Key"])
        self.send_response(201)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"2329\r\n" + body[:9001] + b"\r\n1\r\n" + body[9001:] + b"\r\n0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Handler.keys = set()
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def run(port: int, **changes: object) -> http_load.Load:
    requests = (
        http_load.request_bytes("POST", "/", token="t", body=b"x" * 9000, headers=f"Idempotency-Key: {number}\r\n")
        for number in itertools.count()
    )
    arguments = {"seconds": 0.5, "warm_up_seconds": 0.1, "requests": requests, "status": HTTPStatus.CREATED}
    return http_load.run(port=port, connections=3, **(arguments | changes))  # type: ignore[arg-type] # as run has them


def test_every_answer_is_to_a_request_of_its_own(server: ThreadingHTTPServer) -> None:
    load = run(server.server_port)

    assert load.answers_in_all == len(Handler.keys)
    assert 0 < load.answers < load.answers_in_all
    assert load.answers == len(load.latencies_seconds)
    assert 0 < load.percentile_ms(0.5) <= load.percentile_ms(0.99)


def test_an_answer_in_chunks_is_put_together(server: ThreadingHTTPServer) -> None:
    requests = (
        http_load.request_bytes(
            "POST", "/chunked", token="t", body=b"x" * 9001 + b"y", headers=f"Idempotency-Key: {number}\r\n"
        )
        for number in itertools.count()
    )

    load = run(server.server_port, requests=requests, check=lambda body: body == b"x" * 9001 + b"y")

    assert load.answers_in_all == len(Handler.keys)


def test_another_status_ends_the_measurement(server: ThreadingHTTPServer) -> None:
    with pytest.raises(MeasurementFailedError, match=r"expected 200, got b.HTTP/1\.1 201"):
        run(server.server_port, status=HTTPStatus.OK)


def test_an_answer_that_fails_the_check_ends_the_measurement(server: ThreadingHTTPServer) -> None:
    with pytest.raises(MeasurementFailedError, match="expected 201"):
        run(server.server_port, check=lambda body: len(body) != 9000)
