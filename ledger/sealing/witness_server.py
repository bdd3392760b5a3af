"""The witness over HTTP: POST /add-checkpoint, and for readers GET /key and GET /latest?origin=…; TLS is a proxy's matter.

Plain threads of the standard library, few at a time: a ledger asks once a second at most.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from sqlite3 import OperationalError
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ledger.limits import WITNESS_BODY_BYTES_MAX, WITNESS_CONNECTIONS_MAX, WITNESS_READ_SECONDS_MAX
from ledger.sealing.witness import Answer, Witness


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness. A connection beyond the limit is closed at once, so nobody can use up the threads."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness, log: Callable[[str], object]) -> None:
        super().__init__(address, _Handler)
        self.witness = witness
        self.log = log
        self._free = BoundedSemaphore(WITNESS_CONNECTIONS_MAX)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Start a thread for the connection, if one is free."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Serve the connection in its thread, and free its place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version = "witness"
    sys_version = ""
    timeout = WITNESS_READ_SECONDS_MAX

    def do_POST(self) -> None:
        if urlsplit(self.path).path != "/add-checkpoint":
            self._send(Answer(HTTPStatus.NOT_FOUND, "POST /add-checkpoint is the only call.\n"), is_last=True)
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()) or "Transfer-Encoding" in self.headers:
            self._send(Answer(HTTPStatus.LENGTH_REQUIRED, "Send the length of the body.\n"), is_last=True)
            return
        if len(length) > len(str(WITNESS_BODY_BYTES_MAX)) or int(length) > WITNESS_BODY_BYTES_MAX:
            self._send(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A submission is shorter.\n"), is_last=True)
            return
        body = self.rfile.read(int(length))
        try:
            answer = self.server.witness.add_checkpoint(body, datetime.now(UTC))
        except OperationalError:
            answer = Answer(HTTPStatus.SERVICE_UNAVAILABLE, "The witness cannot reach its memory.\n")
        self._send(answer)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        origin = parse_qs(url.query).get("origin", [""])[0]
        found = None
        if url.path == "/key":
            found = self.server.witness.signer.verifier.vkey + "\n"
        elif url.path == "/latest":
            found = self.server.witness.latest(origin)
        self._send(Answer(HTTPStatus.OK, found) if found else Answer(HTTPStatus.NOT_FOUND, "There is no such thing.\n"))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
        self.server.log(f"{self.address_string()} {format % args}")

    def _send(self, answer: Answer, *, is_last: bool = False) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(body)))
        if is_last:
            # The body was not read, so the next request would begin within it.
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)
