"""The code on every operation: an ordinary HMAC, over all that says who asked for what."""

import hmac
from typing import Any

import pytest
from django.test import override_settings

from ledger import inbox
from ledger.contracts import Priority
from ledger.sealing import mac
from ledger.sealing.mac import MacKey, MacKeyError
from tests.ledger.page import Page

SECRET = "0123456789abcdef0123456789abcdef"
HEAD = (1, 17, None, b"h" * 32, "operation", "key", "31")


@pytest.fixture
def page() -> Page:
    return Page.open_new("anna EUR floor 0.00", "bank EUR")


def stored(page: Page, key: str) -> tuple[Any, ...]:
    statement = (
        "SELECT o.mac, o.mac_key, o.source_id, o.message_hash, o.kind, o.credential, o.reverses, ARRAY(SELECT"
        " (e.account_id, e.amount::bigint) FROM ledger_entry e WHERE e.book_id = o.book_id AND e.operation_id = o.id"
        " ORDER BY e.id) FROM ledger_operation o WHERE o.book_id = %s AND o.id = %s"
    )
    return page.query(statement, page.book_id, page.operation_id(key))[0]


@pytest.mark.parametrize("secret", [b"short", SECRET.encode(), b"x" * 64, b"longer than a block of SHA-256" * 3])
def test_it_is_an_hmac_of_rfc_2104(secret: bytes) -> None:
    key = MacKey("k", secret)

    halves = [hmac.digest(secret, text, "sha256")[:16] for text in (b"head", b"head" + b"entries")]

    assert key.of_both(b"head", b"entries") == b"".join(halves)
    assert [key.of_message(b"head"), key.of_entries(b"head", b"entries")] == halves


@pytest.mark.parametrize("place", range(len(HEAD)))
def test_it_covers_every_part_of_a_message(place: int) -> None:
    other = [2, 18, 5, b"g" * 32, "reversal", "kez", "32"]

    changed = [*HEAD[:place], other[place], *HEAD[place + 1 :]]

    assert mac.head(*changed) != mac.head(*HEAD)


def test_it_cannot_be_shifted_between_neighbouring_texts() -> None:
    assert mac.head(*HEAD[:5], "ab", "c") != mac.head(*HEAD[:5], "a", "bc")
    assert mac.entries([(1, 23)]) != mac.entries([(12, 3)])
    assert mac.entries([]) != b""


def test_it_is_stored_with_what_was_accepted_and_with_what_was_refused(page: Page) -> None:
    page.write(("funds", "bank -5.00, anna 5.00", "accepted"), ("spend", "anna -6.00", "below_floor"))

    for key in ("funds", "spend"):
        code, key_name, source, hashed, kind, credential, reverses, entries = stored(page, key)
        signing = mac.keys()[key_name]
        head = mac.head(page.book_id, source, reverses, bytes(hashed), kind, key, credential)
        assert code[:16] == signing.of_message(head)
        if key == "funds":
            pairs = [(int(account), int(amount)) for account, amount in entries]
            assert code[16:] == signing.of_entries(head, mac.entries(pairs))


def test_it_is_made_by_the_first_key_and_checked_by_all(page: Page) -> None:
    message = page.message("funds", "bank 1.00")
    with override_settings(MAC_KEYS=f"old:{SECRET}"):
        macs = mac.of_messages(book_id=page.book_id, messages=[message])

    with override_settings(MAC_KEYS=f"new:{SECRET[::-1]},old:{SECRET}"):
        assert mac.signing_key().name == "new"
        assert mac.is_genuine_message(book_id=page.book_id, message=message, code=macs.codes[0], key_name="old")
        assert not mac.is_genuine_message(book_id=page.book_id, message=message, code=macs.codes[0], key_name="new")
        assert not mac.is_genuine_message(book_id=page.book_id, message=message, code=None, key_name=None)


@pytest.mark.parametrize("text", ["", "new", f"new:{SECRET[1:]}", f"a:{SECRET},a:{SECRET}", f":{SECRET}"])
def test_it_refuses_keys_that_are_none_without_telling_them(text: str) -> None:
    with override_settings(MAC_KEYS=text), pytest.raises(MacKeyError) as refused:
        mac.keys()

    assert SECRET[1:] not in str(refused.value)


def test_it_posts_no_message_that_was_put_into_the_inbox_by_hand(
    page: Page, owner_connection: Any, caplog: pytest.LogCaptureFixture
) -> None:
    genuine = page.message("genuine", "bank 1.00")
    inbox.put(book_id=page.book_id, messages=[genuine], priority=Priority.NORMAL)
    # The forger copies all that the database knows of a genuine message.
    owner_connection.execute(
        "INSERT INTO ledger_inbox (book_id, source_id, key, kind, message, message_hash, credential, received_at,"
        " priority, mac, mac_key) SELECT book_id, source_id, 'forged', kind, message, message_hash, credential,"
        " received_at, priority, mac, mac_key FROM ledger_inbox WHERE book_id = %s",
        (page.book_id,),
    )

    inbox.drain()

    page.shows("bank 1.00")
    assert "not stored by this service" in caplog.text
    owner_connection.execute("DELETE FROM ledger_inbox WHERE book_id = %s", (page.book_id,))
