"""The life of a mass operation: decisions, pauses, cancellations, all or nothing, reversal, and scratch that was lost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from massops import lifecycle, posting, reversal, staging, work
from massops.lifecycle import Refused
from massops.models import State
from tests.massops.desk import Desk

ROWS = 60


def many(rows: int = ROWS) -> str:
    """A file of rows that give anna a cent each."""
    return "key,account,amount\n" + "".join(f"k{number},anna,0.01\n" for number in range(rows))


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of ten rows, and slices that end after the first."""
    monkeypatch.setattr(posting.pace, "POST_ROWS_BESIDE_OTHERS", 10)
    monkeypatch.setattr(posting.pace, "POST_ROWS", 10)
    monkeypatch.setattr(posting.pace, "START", posting.pace.Pace(10, 0.0, 0))


@pytest.fixture
def one_batch(small_steps: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose slice is over after each batch."""
    monkeypatch.setattr(posting, "SLICE_SECONDS", 0.0)


def who(desk: Desk, found: object) -> dict[str, object]:
    return {"mass_operation_id": found.id, "source_id": desk.page.source_id, "reason": "a test"}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"rows": 59}, "rows_differ"),
        ({"effective_at": timezone.now() + timedelta(days=2)}, "effective_ahead"),
        ({"start_at": timezone.now() + timedelta(days=500)}, "start_ahead"),
    ],
)
def test_a_decision_binds_to_what_was_seen(desk: Desk, options: dict[str, object], code: str) -> None:
    found = desk.upload(many())

    with pytest.raises(Refused) as refused:
        desk.decide(found, **options)

    assert refused.value.code == code
    assert desk.read(found).state == "checked"


def test_a_file_that_cannot_be_read_to_its_end_is_never_posted_in_part(desk: Desk) -> None:
    found = desk.upload(many().encode("utf-16")[:-1])

    assert (found.state, found.rows_good > 0, found.is_readable) == ("checked", True, False)
    with pytest.raises(Refused) as refused:
        desk.decide(found)
    assert refused.value.code == "unreadable"


def test_it_starts_when_it_was_scheduled(desk: Desk) -> None:
    found = desk.decide(desk.upload(many()), start_at=timezone.now() + timedelta(hours=1))
    assert desk.work(found).state == "scheduled"

    type(found).objects.filter(id=found.id).update(start_at=timezone.now())

    assert desk.work(found).state == "done"
    desk.page.shows("anna 0.60")


def test_it_pauses_between_two_batches_and_goes_on_where_it_was(desk: Desk, one_batch: None) -> None:
    found = desk.decide(desk.upload(many()))
    work.work_at(mass_operation_id=found.id, owner=claim(found))
    lifecycle.pause(**who(desk, found))

    paused = desk.work(found)
    assert (paused.state, 0 < paused.cursor < ROWS, paused.rows_posted) == ("paused", True, paused.cursor)
    assert desk.page.sum("anna") == paused.cursor

    lifecycle.resume(**who(desk, found))
    assert desk.work(found).rows_posted == ROWS
    desk.page.shows("anna 0.60")


def test_it_cancels_between_two_batches_and_says_what_has_been_done(desk: Desk, one_batch: None) -> None:
    found = desk.decide(desk.upload(many()))
    work.work_at(mass_operation_id=found.id, owner=claim(found))
    lifecycle.cancel(**who(desk, found))

    cancelled = desk.work(found)

    assert (cancelled.state, cancelled.rows_posted) == ("cancelled", desk.page.sum("anna"))
    assert 0 < cancelled.rows_posted < ROWS
    outcomes = [outcome for _, outcome, _ in desk.results(cancelled)]
    assert outcomes == ["posted"] * cancelled.rows_posted + ["waiting"] * (ROWS - cancelled.rows_posted)
    with pytest.raises(Refused):
        lifecycle.resume(**who(desk, found))


def test_a_cancellation_counts_the_batch_that_a_dead_worker_did_not_note(desk: Desk, small_steps: None) -> None:
    found = desk.decide(desk.upload(many()))
    rows = posting._rows(found, 0, 10)
    posting.pipeline.accept(book_id=found.book_id, messages=posting.messages_of(found, rows[:7]))
    lifecycle.cancel(**who(desk, found))

    cancelled = desk.work(found)

    assert (cancelled.state, cancelled.rows_posted, cancelled.cursor, cancelled.sums_posted) == (
        "cancelled", 7, 7, {"EUR": "7"},
    )  # fmt: skip


def test_it_makes_its_scratch_again_when_the_server_lost_it(desk: Desk, one_batch: None) -> None:
    found = desk.decide(desk.upload(many()))
    work.work_at(mass_operation_id=found.id, owner=claim(found))
    desk.page.query("DELETE FROM massops_staged_row WHERE mass_operation_id = %s RETURNING 1", found.id)

    done = desk.work(found)

    assert (done.state, done.rows_posted) == ("done", ROWS)
    desk.page.shows("anna 0.60")


def test_all_or_nothing_posts_all(desk: Desk) -> None:
    done = desk.post(desk.upload(many()), "all")

    assert (done.state, done.rows_posted) == ("done", ROWS)
    desk.page.shows("anna 0.60")


def test_all_or_nothing_posts_nothing_where_the_ledger_refuses_one(desk: Desk) -> None:
    found = desk.upload(many() + "last,bert,-1\n")
    assert [line["account"] for line in found.summary["below_floor"]] == ["bert"]

    failed = desk.post(found, "all")

    assert (failed.state, failed.rows_posted, failed.rows_refused) == ("failed", 0, ROWS + 1)
    assert failed.failure == "Nothing was posted: the ledger refused line 62 (below_floor)."
    desk.page.shows("anna 0.00, bert 0.00")


def test_all_or_nothing_takes_no_file_with_an_error_and_none_too_large(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from massops import deciding  # noqa: PLC0415

    with pytest.raises(Refused) as bad:
        desk.decide(desk.upload(many() + "x,anna,zero\n"), "all")
    monkeypatch.setattr(deciding, "ALL_OR_NOTHING_ROWS_MAX", 10)
    with pytest.raises(Refused) as large:
        desk.decide(desk.upload(many(ROWS + 1)), "all")

    assert (bad.value.code, large.value.code) == ("rows_bad", "too_many_for_all")


def test_all_or_nothing_that_was_posted_and_not_noted_is_only_noted(desk: Desk) -> None:
    found = desk.decide(desk.upload(many()), "all")
    rows = posting._rows(found, 0, ROWS)
    posting.pipeline.accept(book_id=found.book_id, messages=posting.messages_of(found, rows), all_or_nothing=True)

    done = desk.work(found)

    assert (done.state, done.rows_posted) == ("done", ROWS)
    desk.page.shows("anna 0.60")


def test_a_worker_that_never_gets_on_is_paused_so_that_somebody_looks(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = desk.decide(desk.upload(many()))

    def break_down(**_: object) -> None:
        raise ArithmeticError

    monkeypatch.setattr(posting.pipeline, "accept", break_down)
    for _ in range(posting.RETRIES_MAX):
        with pytest.raises(ArithmeticError):
            work.work_at(mass_operation_id=found.id, owner=claim(found))
        lifecycle.release(mass_operation_id=found.id, owner=found.read_owner)
    monkeypatch.undo()

    assert desk.work(found).state == "paused"
    lifecycle.resume(**who(desk, found))
    assert desk.work(found).state == "done"


def test_it_reverses_a_whole_mass_operation_with_the_same_steps(desk: Desk) -> None:
    data = "key,from,to,amount\n1,bank,bert,5\n2,bert,anna,3\n3,bert,anna,9\n4,nobody,anna,1\n"
    done = desk.post(desk.upload(data))
    assert (done.rows_posted, done.refusals) == (2, {"below_floor": 1})
    desk.page.write(("by hand", "reverse 1", "below_floor"))

    made = desk.work(reversal.reverse(mass_operation_id=done.id, source_id=desk.page.source_id, credential="a desk"))
    assert (made.state, made.rows_read, made.rows_good) == ("checked", 2, 2)
    assert made.summary["units"][0]["sum"] == "-8.00"
    back = desk.post(made)

    assert (back.state, back.rows_posted, back.rows_refused) == ("done", 1, 1)
    assert [outcome for _, outcome, _ in desk.results(back)] == ["refused", "posted"]
    desk.page.shows("bank -5.00, bert 5.00, anna 0.00")
    again = desk.work(reversal.reverse(mass_operation_id=done.id, source_id=desk.page.source_id, credential="a desk"))
    assert desk.problems(again) == [(3, "", "already_reversed")]
    with pytest.raises(Refused):
        reversal.reverse(mass_operation_id=back.id, source_id=desk.page.source_id, credential="a desk")


def test_it_reverses_only_what_has_come_to_an_end(desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        reversal.reverse(mass_operation_id=desk.upload(many()).id, source_id=desk.page.source_id, credential="a desk")

    assert refused.value.code == "state"


def test_only_one_worker_has_a_mass_operation(desk: Desk) -> None:
    found = desk.decide(desk.upload(many()))
    first = claim(found)

    import uuid  # noqa: PLC0415

    assert lifecycle.claim(owner=uuid.uuid4()) is None
    lifecycle.release(mass_operation_id=found.id, owner=first)
    assert lifecycle.claim(owner=uuid.uuid4()) == found.id
    with pytest.raises(lifecycle.LeaseLost):
        lifecycle.renew(mass_operation_id=found.id, owner=first)
    work.work_at(mass_operation_id=found.id, owner=first)
    assert desk.read(found).rows_posted == 0


def test_staging_is_dropped_when_it_is_not_needed_any_more(desk: Desk) -> None:
    done = desk.post(desk.upload(many()))

    assert desk.page.query("SELECT to_regclass(%s)", f"massops_staged_row_{done.id}") == [(None,)]
    assert not staging.is_complete(mass_operation_id=done.id, rows_expected=1)
    assert done.state == State.DONE


def claim(found: object) -> object:
    """Take the lease of the mass operation that is next, which is this one."""
    import uuid  # noqa: PLC0415

    owner = uuid.uuid4()
    assert lifecycle.claim(owner=owner) == found.id
    found.read_owner = owner
    return owner
