"""Load over HTTP: one thread, many keep-alive connections, one request in flight on each.

It exists because the usual generators are not on every machine and because on two cores the client must stay small:
requests are bytes made before the clock starts, answers are searched, not parsed, and a request costs about 20
microseconds (README, "The load generator"). Every answer is checked: a figure never counts a refusal as success.
"""

import select
import socket
import statistics
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from benchmarks.cases import MeasurementFailedError

RECEIVE_BYTES = 1 << 18
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
CHUNKED = b"transfer-encoding: chunked"
LAST_CHUNK = b"0\r\n\r\n"
# An answer that takes longer means that the server is stuck: better a failed run than one that never ends.
ANSWER_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Load:
    """What a run measured: answers counted, the wall-clock seconds, the client's own CPU, each answer's latency.

    `answers_in_all` counts those before and after the measured seconds too.
    """

    answers: int
    answers_in_all: int
    seconds: float
    client_cpu_seconds: float
    latencies_seconds: list[float]

    @property
    def per_second(self) -> float:
        """Answers in a second."""
        return self.answers / self.seconds

    def percentile_ms(self, share: float) -> float:
        """The latency that this share of the answers did not exceed, in milliseconds."""
        ordered = sorted(self.latencies_seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def request_bytes(method: str, path: str, *, token: str, body: bytes = b"", headers: str = "") -> bytes:
    """One HTTP/1.1 request, ready for the wire; `headers` are whole lines that end in CRLF."""
    content = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{content}{headers}\r\n"
    return head.encode() + body


def run(
    *,
    port: int,
    connections: int,
    seconds: float,
    warm_up_seconds: float,
    requests: Iterator[bytes],
    status: HTTPStatus,
    check: Callable[[bytes], bool] = bool,
) -> Load:
    """Keep every connection busy for the warm-up and then for the measured seconds.

    Answers that end inside the measured seconds count. `check` sees each body (of the counted ones and the others).
    """
    poller = select.epoll() if hasattr(select, "epoll") else select.poll()
    lanes = {}
    for _ in range(connections):
        lane = _Lane(port)
        lanes[lane.socket.fileno()] = lane
        poller.register(lane.socket.fileno(), select.POLLIN)
    try:
        begin = time.perf_counter() + warm_up_seconds
        return _drive(poller, lanes, begin=begin, end=begin + seconds, requests=requests, answer=_Answer(status, check))
    finally:
        for lane in lanes.values():
            lane.socket.close()


@dataclass(frozen=True)
class Stream:
    """One side of a comparison: where its requests go, and what each answer must be."""

    port: int
    requests: Iterator[bytes]
    status: HTTPStatus


def alternate(streams: dict[str, Stream], *, seconds: float) -> dict[str, float]:
    """Send one request of each stream in turn, forwards and backwards, on a connection each; return median latencies in ms.

    Only one request is in flight, and neighbours are milliseconds apart: what a drift of the machine does to one side it
    does to all, so small differences show that rates of seconds would hide.
    """
    lanes = {name: _Lane(stream.port) for name, stream in streams.items()}
    answers = {name: _Answer(stream.status, bool) for name, stream in streams.items()}
    found: dict[str, list[float]] = {name: [] for name in streams}
    order = list(streams)
    try:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for name in order:
                lane = lanes[name]
                lane.send(next(streams[name].requests))
                while (body := lane.receive()) is None:
                    pass
                found[name].append(time.perf_counter() - lane.sent_at)
                answers[name].verify(lane.received, body)
            order.reverse()
    finally:
        for lane in lanes.values():
            lane.socket.close()
    return {name: 1000 * statistics.median(latencies) for name, latencies in found.items()}


@dataclass(frozen=True)
class _Answer:
    status: HTTPStatus
    check: Callable[[bytes], bool]

    def verify(self, answer: bytes, body: bytes) -> None:
        if not answer.startswith(b"HTTP/1.1 %d" % self.status) or not self.check(body):
            raise MeasurementFailedError(f"expected {self.status.value}, got {answer[:600]!r}")


class _Lane:
    """One connection, what has arrived on it of the present answer, and when its request went out."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A Python time-out costs a poll() before every call on the socket; the kernel's costs nothing.
        self.socket.settimeout(None)
        patience = struct.pack("ll", int(ANSWER_SECONDS_MAX), 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        self.received = b""
        self.length = -1
        self.chunked = False
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.received, self.length, self.chunked = b"", -1, False
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """The body once the whole answer is here."""
        part = self.socket.recv(RECEIVE_BYTES)
        if not part:
            raise MeasurementFailedError(f"the server closed a connection after {self.received[:600]!r}")
        self.received += part
        if self.length < 0:
            head_end = self.received.find(HEAD_END)
            if head_end < 0:
                return None
            head = self.received[:head_end].lower()
            self.chunked = CHUNKED in head
            at = head.find(LENGTH)
            if at < 0 and not self.chunked:
                raise MeasurementFailedError(f"an answer without its length: {head!r}")
            body = 0 if self.chunked else int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0])
            self.length = head_end + len(HEAD_END) + body
        # Our answers have no line ends of their own, so nothing in them looks like the last chunk.
        if len(self.received) < self.length or (self.chunked and not self.received.endswith(LAST_CHUNK)):
            return None
        body_bytes = self.received[self.received.find(HEAD_END) + len(HEAD_END) :]
        return _without_chunks(body_bytes) if self.chunked else body_bytes


def _without_chunks(body: bytes) -> bytes:
    """The body itself, from its chunks: each a size in hexadecimal, a line end, so many bytes, a line end."""
    parts, at = [], 0
    while size := int(body[at : (line_end := body.index(b"\r\n", at))], 16):
        parts.append(body[line_end + 2 : line_end + 2 + size])
        at = line_end + 2 + size + 2
    return b"".join(parts)


def _drive(
    poller: "select.epoll | select.poll",
    lanes: dict[int, _Lane],
    *,
    begin: float,
    end: float,
    requests: Iterator[bytes],
    answer: _Answer,
) -> Load:
    latencies: list[float] = []
    answers_in_all = 0
    cpu_at_begin = cpu_at_end = 0.0
    waiting = len(lanes)
    for lane in lanes.values():
        lane.send(next(requests))
    # poll() counts in milliseconds where epoll() counts in seconds.
    patience = ANSWER_SECONDS_MAX * (1 if hasattr(select, "epoll") else 1000)
    while waiting:
        events = poller.poll(patience)
        if not events:
            raise MeasurementFailedError(f"no answer within {ANSWER_SECONDS_MAX:.0f} seconds")
        for descriptor, _ in events:
            lane = lanes[descriptor]
            body = lane.receive()
            if body is None:
                continue
            now = time.perf_counter()
            answer.verify(lane.received, body)
            answers_in_all += 1
            if now >= begin and not cpu_at_begin:
                cpu_at_begin = time.process_time()
            if begin <= now < end:
                latencies.append(now - lane.sent_at)
            if now < end:
                lane.send(next(requests))
                continue
            cpu_at_end = cpu_at_end or time.process_time()
            waiting -= 1
    return Load(
        answers=len(latencies),
        answers_in_all=answers_in_all,
        seconds=end - begin,
        client_cpu_seconds=cpu_at_end - cpu_at_begin,
        latencies_seconds=latencies,
    )
