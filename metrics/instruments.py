"""Every instrument that the apps push into. The apps name what happened; how it is kept and shown is decided here.

Names follow Prometheus: `ledger_`, then what is measured, then the unit. A label has few values, all known beforehand: never an
account, a key or a free text. docs/metrics.md has a line for each, and a test compares the two.
"""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable

from django.conf import settings
from prometheus_client import Counter, Gauge, Histogram

from metrics import processes

# Before the first instrument is made; so this module is loaded before any other that makes one (INSTALLED_APPS).
processes.choose_storage(enabled=settings.METRICS)

# A probe of one row takes a tenth of a millisecond, a batch of ten thousand half a second.
REPOSITORY_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
API_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
TASK_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120)
OPERATIONS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000)
ENTRIES = (0, 1, 2, 4, 8, 16, 32, 64, 256, 1_024, 4_096)


class QuickHistogram(Histogram):
    """A histogram whose `observe` is cheap enough for calls of a tenth of a millisecond: it looks its bucket up by halves."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:  # noqa: ARG002 - the library's signature
        """Count one observation. To be called on a child where there are labels."""
        self._sum.inc(amount)
        self._buckets[bisect_left(self._upper_bounds, amount)].inc(1)


REPOSITORY = QuickHistogram(
    "ledger_repository_duration_seconds",
    "Time that a public method of a repository took",
    ["repository", "method", "outcome"],
    buckets=REPOSITORY_SECONDS,
)
API = QuickHistogram(
    "ledger_api_duration_seconds",
    "Time from a request of the API to its answer, by the name of the route",
    ["route", "method", "status_class", "client_class"],
    buckets=API_SECONDS,
)
API_REQUEST_BYTES = Counter("ledger_api_request_bytes_total", "Bytes of request bodies", ["route", "method"])
API_RESPONSE_BYTES = Counter("ledger_api_response_bytes_total", "Bytes of answers' bodies", ["route", "method"])
API_PROBLEMS = Counter("ledger_api_problems_total", "Answers that are problem documents, by code", ["code"])
API_BATCH = QuickHistogram("ledger_api_batch_operations", "Operations in one call of POST /batches", buckets=OPERATIONS)
OUTCOMES = Counter(
    "ledger_operations_total",
    "Messages that got an outcome: accepted, or a refusal's code; without replays",
    ["outcome"],
)
REPLAYS = Counter("ledger_replays_total", "Messages whose key was used before with the same request")
POSTING = QuickHistogram(
    "ledger_posting_operations", "Operations in one call of the posting function", buckets=OPERATIONS
)
GROUP_COMMIT = QuickHistogram(
    "ledger_group_commit_operations", "Requests that waited and were posted in one call", buckets=OPERATIONS
)
GATE = Counter(
    "ledger_gate_passes_total",
    "Posting calls that passed the headroom gate: by snapshot, shared, or some accounts exclusively",
    ["path"],
)
GRID_READS = Counter("ledger_grid_reads_total", "Balances asked of the grid: hit, miss or away", ["result"])
GRID_CHECKS = Counter(
    "ledger_grid_checks_total", "Cached balances compared with the ledger: same, moving or different", ["result"]
)
TAIL = QuickHistogram(
    "ledger_balance_tail_entries",
    "Entries above the newest snapshot that a balance from SQL had to add",
    buckets=ENTRIES,
)
TASKS = QuickHistogram(
    "ledger_task_duration_seconds", "Time that a task of the worker took", ["task", "outcome"], buckets=TASK_SECONDS
)
BELLS = Counter("ledger_bells_total", "Tasks that were sent to the workers, by the process that rang", ["task"])
CONTRADICTIONS = Counter(
    "ledger_witness_contradictions_total",
    "Answers of witnesses that remember another or a longer history than the chain has",
)
PROCESSES = Gauge("ledger_processes", "Processes that live, by kind", ["kind"], multiprocess_mode="livesum")


# Looked up once: a child found by its labels costs as much as counting.
_accepted = OUTCOMES.labels("accepted")
_gate = (GATE.labels("shared"), GATE.labels("exclusive"), GATE.labels("snapshot"))
_grid_checks = {result: GRID_CHECKS.labels(result) for result in ("same", "moving", "different")}
_grid_reads = {result: GRID_READS.labels(result) for result in ("hit", "miss", "away")}


def count_receipts(receipts: Iterable[tuple[str, bool]]) -> None:
    """Count what became of messages: (outcome, whether it is a replay) for each."""
    for (outcome, replayed), number in Tally(receipts).items():
        if replayed:
            REPLAYS.inc(number)
        elif outcome == "accepted":
            _accepted.inc(number)
        else:
            OUTCOMES.labels(outcome).inc(number)


def count_gate(path: int) -> None:
    """Count one passage of the headroom gate: 0 shared, 1 exclusive, 2 by snapshot (ledger/sql/judge_floors_v1.sql)."""
    _gate[path].inc()


def count_grid_read(result: str) -> None:
    """Count one question to the grid: hit, miss or away."""
    _grid_reads[result].inc()


def count_grid_check(result: str, number: int) -> None:
    """Count comparisons of cached balances with the ledger: same, moving or different."""
    _grid_checks[result].inc(number)


def count_contradiction() -> None:
    """Count one answer of a witness that remembers another history of a chain."""
    CONTRADICTIONS.inc()


def count_problem(code: str) -> None:
    """Count one problem document. Codes are constants of the code, so there are some dozens of them."""
    API_PROBLEMS.labels(code).inc()
