"""Idempotency: a key names one request for ever. It is judged before anything else, and its outcome never changes."""

import json

import hypothesis.strategies as st
import msgspec
import pytest
import rfc8785
from hypothesis import given

from ledger import messages, pipeline, queries
from ledger.contracts import Content, Entry, Kind
from tests.ledger.page import Page, told

BODY = b'{"entries":[{"account":"anna","amount":"10.0"}]}'


def test_it_answers_the_same_request_again_with_the_same_receipt() -> None:
    page = Page.open_new("anna EUR")

    page.write(
        ("gift", "anna 1.00", "accepted"),
        ("gift", "anna 1.00", "accepted again"),
        ("gift", "anna 1.00", "accepted again"),
    )

    page.shows("anna 1.00")
    assert page.count("ledger_operation") == 1


def test_it_refuses_another_request_under_a_used_key_and_records_nothing() -> None:
    page = Page.open_new("anna EUR", "ben EUR")

    page.write(
        ("gift", "anna 1.00", "accepted"),
        ("gift", "anna 1.01", "key_reused"),
        ("gift", "ben 1.00", "key_reused"),
        ("gift", "anna 1.00, ben -1.00", "key_reused"),
        ("gift", "anna 1.00", "key_reused", {"description": "more words"}),
        ("gift", "anna 1.00 EUR", "key_reused"),
        ("gift", "nobody 1.00", "key_reused"),
        ("gift", "anna 1.00, ben 1.00", "key_reused"),
        ("gift", "anna 1.00", "accepted again"),
    )

    page.shows("anna 1.00, ben 0.00")
    assert page.count("ledger_operation") == 1


def test_it_tells_the_operation_of_a_key_with_every_replay() -> None:
    page = Page.open_new("anna EUR")
    page.write(("gift", "anna 1.00", "accepted"))

    receipts = pipeline.accept(
        book_id=page.book_id, messages=[page.message("gift", "anna 1.00"), page.message("gift", "anna 2.00")]
    )

    assert [receipt.operation_id for receipt in receipts] == [page.operation_id("gift")] * 2
    assert [(receipt.recorded_at, receipt.entries) for receipt in receipts] == [(None, ())] * 2


def test_it_takes_the_same_body_under_another_key_as_another_operation() -> None:
    page = Page.open_new("anna EUR")

    page.write(("gift", "anna 1.00", "accepted"), ("second gift", "anna 1.00", "accepted"))

    page.shows("anna 2.00")


def test_it_keeps_the_keys_of_sources_apart() -> None:
    page = Page.open_new("anna EUR")
    other = page.another_source()

    page.write(("gift", "anna 1.00", "accepted"))
    other.write(("gift", "anna 5.00", "accepted"), ("gift", "anna 1.00", "key_reused"))
    page.write(("gift", "anna 1.00", "accepted again"))

    page.shows("anna 6.00")


def test_it_keeps_the_keys_of_books_apart() -> None:
    page = Page.open_new("anna EUR")
    elsewhere = Page(Page.open_new("anna EUR").book_id, page.source_id)

    page.write(("gift", "anna 1.00", "accepted"))
    elsewhere.write(("gift", "anna 2.00", "accepted"))

    page.shows("anna 1.00")
    elsewhere.shows("anna 2.00")


def test_it_compares_keys_exactly() -> None:
    page = Page.open_new("anna EUR")

    page.write(
        ("gift", "anna 1.00", "accepted"),
        ("Gift", "anna 1.00", "accepted"),
        ("gift ", "anna 1.00", "accepted"),
        ("ﬁgift", "anna 1.00", "accepted"),
        ("é", "anna 1.00", "accepted"),
        ("e\u0301", "anna 1.00", "accepted"),
        ("k" * 255, "anna 1.00", "accepted"),
        ("reversal:1", "anna 1.00", "accepted"),  # the ledger's own keys are another namespace
    )

    page.shows("anna 8.00")


def test_it_handles_the_same_key_twice_in_one_batch() -> None:
    page = Page.open_new("anna EUR floor 0.00")

    page.write_batch(
        ("gift", "anna 1.00", "accepted"),
        ("gift", "anna 1.00", "accepted again"),
        ("gift", "anna 2.00", "key_reused"),
        ("bike", "anna -5.00", "below_floor"),
        ("bike", "anna -5.00", "below_floor again"),
        ("bike", "anna -0.50", "key_reused"),
        ("ghost", "nobody 1.00", "account_unknown"),
        ("ghost", "nobody 1.00", "account_unknown again"),
        ("gift", "anna 1.00", "accepted again"),
    )

    page.shows("anna 1.00")
    assert page.count("ledger_operation") == 3


def test_it_handles_used_and_new_keys_in_one_batch() -> None:
    page = Page.open_new("anna EUR floor 0.00")
    page.write(("a", "anna 1.00", "accepted"), ("c", "anna -9.00", "below_floor"))

    page.write_batch(
        ("d", "anna 4.00", "accepted"),
        ("c", "anna -9.00", "below_floor again"),
        ("b", "anna 2.00", "accepted"),
        ("a", "anna 1.50", "key_reused"),
        ("a", "anna 1.00", "accepted again"),
        ("b", "anna 2.00", "accepted again"),
    )

    page.shows("anna 7.00")


def test_it_remembers_a_refusal_even_after_funds_have_come() -> None:
    page = Page.open_new("anna EUR floor 0.00")

    page.write(
        ("bike", "anna -50.00", "below_floor"),
        ("salary", "anna 100.00", "accepted"),
        ("bike", "anna -50.00", "below_floor again"),
        ("second try", "anna -50.00", "accepted"),
    )

    page.shows("anna 50.00")


def test_it_answers_a_replay_like_the_first_time_after_the_account_was_emptied_frozen_or_closed() -> None:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")
    page.write(("salary", "bank -10.00, anna 10.00", "accepted"), ("rent", "anna -10.00, bank 10.00", "accepted"))

    for status in ("frozen", "closed"):
        page.change("anna", status=status)

        page.write_batch(
            ("salary", "bank -10.00, anna 10.00", "accepted again"),
            ("rent", "anna -10.00, bank 10.00", "accepted again"),
            ("rent", "anna -9.00, bank 9.00", "key_reused"),
        )
        page.shows("anna 0.00, bank 0.00")


def test_it_knows_a_key_again_whether_it_came_alone_or_in_a_batch() -> None:
    page = Page.open_new("anna EUR")
    batch = (
        b'{"mode": "each", "operations": ['
        b' {"key": "one", "entries": [{"account": "anna", "amount": "1.00"}]},'
        b' {"entries": [{"amount": "2.00", "account": "anna"}], "metadata": {"a": "b"}, "key": "two"}]}'
    )
    one, two = messages.read_batch(body=batch, sender=page.sender())[0]

    assert page.accept([page.message("one", "anna 1.00"), two]) == ["accepted", "accepted"]
    assert page.accept([one, page.message("two", "anna 2.00", {"metadata": {"a": "b"}})]) == ["accepted again"] * 2
    assert page.accept([page.message("two", "anna 2.00")]) == ["key_reused"]

    page.shows("anna 3.00")


def test_it_keeps_one_namespace_for_operations_and_reversals() -> None:
    page = Page.open_new("anna EUR")

    page.write(
        ("gift", "anna 1.00", "accepted"),
        ("gift", "reverse gift", "key_reused"),
        ("other", "anna 2.00", "accepted"),
        ("undo", "reverse gift", "accepted"),
        ("undo", "reverse gift", "accepted again"),
        ("undo", "reverse other", "key_reused"),
        ("undo", "anna 1.00", "key_reused"),
    )

    page.shows("anna 2.00")


@pytest.mark.parametrize(
    ("outcome", "body"),
    [
        # RFC 8785: what JSON says is the same, so it is the same request.
        ("accepted again", BODY),
        ("accepted again", b'{"entries":[{"amount":"10.0","account":"anna"}]}'),
        ("accepted again", b' {\n "entries" : [ { "account" : "anna" ,\t"amount" : "10.0" } ] } '),
        ("accepted again", b'{"entries":[{"account":"\\u0061nna","amount":"\\u00310.0"}]}'),
        ("accepted again", b'{"\\u0065ntries":[{"account":"anna","amount":"10.0"}],"metadata":null}'),
        # What JSON says is another thing, so it is another request, even where the effect would be the same.
        ("key_reused", b'{"entries":[{"account":"anna","amount":"10.00"}]}'),
        ("key_reused", b'{"entries":[{"account":"anna","amount":"10"}]}'),
        ("key_reused", b'{"entries":[{"account":"anna","amount":"010.0"}]}'),
        ("key_reused", b'{"entries":[{"account":"anna","amount":"10.0"}],"metadata":{}}'),
        ("key_reused", b'{"entries":[{"account":"anna","amount":"10.0"}],"description":""}'),
        ("key_reused", b'{"entries":[{"account":"anna","amount":"5.0"},{"account":"anna","amount":"5.0"}]}'),
    ],
)
def test_it_compares_what_a_body_says_not_how_it_is_written(outcome: str, body: bytes) -> None:
    page = Page.open_new("anna EUR")
    page.accept([page.message_of_body("gift", BODY)])

    assert page.accept([page.message_of_body("gift", body)]) == [outcome]

    page.shows("anna 10.00")


def test_it_takes_times_of_one_moment_written_differently_as_different_requests() -> None:
    page = Page.open_new("anna EUR")

    page.write(
        ("gift", "anna 1.00", "accepted", {"effective_at": "2024-02-29T12:00:00Z"}),
        ("gift", "anna 1.00", "key_reused", {"effective_at": "2024-02-29T12:00:00+00:00"}),
        ("gift", "anna 1.00", "key_reused"),
        ("gift", "anna 1.00", "accepted again", {"effective_at": "2024-02-29T12:00:00Z"}),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"b": "1", "a": "2"}, {"a": "2", "b": "1"}),
        # RFC 8785 sorts names by UTF-16 units: U+10000 before U+FF00, which by code points comes first.
        ({"\uff00": "1", "\U00010000": "2"}, {"\U00010000": "2", "\uff00": "1"}),
    ],
)
def test_it_ignores_the_order_of_metadata(first: dict[str, str], second: dict[str, str]) -> None:
    page = Page.open_new("anna EUR")

    page.write(
        ("gift", "anna 1.00", "accepted", {"metadata": first}),
        ("gift", "anna 1.00", "accepted again", {"metadata": second}),
        ("gift", "anna 1.00", "key_reused", {"metadata": dict(zip(first, reversed(first.values()), strict=True))}),
    )


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
contents = st.builds(
    Content,
    entries=st.lists(st.builds(Entry, account=text, amount=text, unit=st.none() | text), max_size=3).map(tuple),
    effective_at=st.none() | text,
    description=st.none() | text,
    metadata=st.none() | st.dictionaries(text, text, max_size=4),
)


@given(contents)
def test_it_writes_the_canonical_form_as_rfc_8785_has_it(content: Content) -> None:
    plain = json.loads(msgspec.json.encode({"entries": content.entries}))
    for name in ("effective_at", "description", "metadata"):
        if getattr(content, name) is not None:
            plain[name] = getattr(content, name)

    assert messages._canonical(content) == rfc8785.dumps(plain)


@given(contents)
def test_it_separates_kinds_and_reversed_operations_in_the_fingerprint(content: Content) -> None:
    prints = {messages.fingerprint(kind, content, reverses) for kind in Kind for reverses in (None, 1, 11)}

    assert len(prints) == 6
    assert all(len(fingerprint) == 32 for fingerprint in prints)


def test_it_leaves_no_trace_of_a_key_whose_call_failed() -> None:
    page = Page.open_new("anna EUR")
    broken = msgspec.structs.replace(page.message("gift", "anna 1.00"), message_hash=b"short")

    with pytest.raises(Exception, match="ledger_sha256_check"):
        page.accept([broken])

    page.write(("gift", "anna 1.00", "accepted"))
    assert (
        told(pipeline.accept(book_id=page.book_id, messages=[page.message("gift", "anna 1.00")])[0]) == "accepted again"
    )
    assert queries.reversal_of(book_id=page.book_id, operation_id=page.operation_id("gift")) is None
