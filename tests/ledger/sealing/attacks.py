"""What somebody with all rights on the database might do to it, one function each; `test_attacks` says what finds it."""

from django.test import override_settings

from ledger.sealing import tree
from ledger.sealing.contents import leaf_of
from ledger.sealing.notes import Signer
from tests.ledger.sealing.scene import Copy, superuser

LAST = 10**6  # an id of no row, in the range of the first partition

OPERATION_COLUMNS = (
    "book_id, source_id, kind, message, message_hash, credential, received_at, effective_at, outcome,"
    " entry_first, entry_last"
)


# --- Sealed rows


def change_an_amount(copy: Copy) -> None:
    copy.attack("UPDATE ledger_entry SET amount = amount * 10 WHERE operation_id = %s", copy.operation("b1"))


def write_no_number_as_an_amount(copy: Copy) -> None:
    copy.attack("UPDATE ledger_entry SET amount = 'NaN' WHERE operation_id = %s AND amount > 0", copy.operation("b1"))


def move_an_entry_to_another_account(copy: Copy) -> None:
    copy.attack(
        "UPDATE ledger_entry SET account_id = %s WHERE operation_id = %s AND amount > 0",
        copy.scene.page.id("bank"),
        copy.operation("b1"),
    )


def change_a_message(copy: Copy) -> None:
    copy.attack("UPDATE ledger_operation SET message = '{}' WHERE id = %s", copy.operation("b1"))


def turn_a_refusal_into_another(copy: Copy) -> None:
    copy.attack("UPDATE ledger_operation SET outcome = 'forbidden' WHERE id = %s", copy.operation("b3"))


def back_date_an_operation(copy: Copy) -> None:
    copy.attack(
        "UPDATE ledger_operation SET recorded_at = recorded_at - interval '1 day' WHERE id = %s", copy.operation("b1")
    )


def back_date_what_counts(copy: Copy) -> None:
    copy.attack(
        "UPDATE ledger_operation SET effective_at = effective_at - interval '1 day' WHERE id = %s", copy.operation("b1")
    )


def back_date_an_entry_alone(copy: Copy) -> None:
    copy.attack(
        "UPDATE ledger_entry SET effective_at = effective_at - interval '1 day' WHERE operation_id = %s",
        copy.operation("b1"),
    )


def change_the_description_in_a_message(copy: Copy) -> None:
    _change_in_the_message(copy, '"block b"', '"block z"')


def change_the_metadata_in_a_message(copy: Copy) -> None:
    _change_in_the_message(copy, '"order":"b"', '"order":"z"')


def _change_in_the_message(copy: Copy, old: str, new: str) -> None:
    copy.attack(
        "UPDATE ledger_operation SET message = convert_to(replace(convert_from(message, 'UTF8'), %s, %s), 'UTF8')"
        " WHERE id = %s AND strpos(convert_from(message, 'UTF8'), %s) > 0",
        old,
        new,
        copy.operation("b1"),
        old,
    )


def remove_searchable_metadata_alone(copy: Copy) -> None:
    copy.attack("UPDATE ledger_operation SET metadata = NULL WHERE id = %s", copy.operation("b1"))


def add_searchable_metadata(copy: Copy) -> None:
    copy.attack("""UPDATE ledger_operation SET metadata = '{"order": "b"}' WHERE id = %s""", copy.operation("b2"))


def change_searchable_metadata_alone(copy: Copy) -> None:
    copy.attack("""UPDATE ledger_operation SET metadata = '{"order": "z"}' WHERE id = %s""", copy.operation("b1"))


def hide_a_refusal_from_its_account(copy: Copy) -> None:
    copy.attack("UPDATE ledger_operation SET refused_accounts = NULL WHERE id = %s", copy.operation("b3"))


def show_a_refusal_under_another_account(copy: Copy) -> None:
    copy.attack(
        "UPDATE ledger_operation SET refused_accounts = ARRAY[%s] WHERE id = %s",
        copy.scene.page.id("points"),
        copy.operation("b3"),
    )


def show_an_accepted_operation_as_a_refusal(copy: Copy) -> None:
    copy.attack(
        "UPDATE ledger_operation SET refused_accounts = ARRAY[%s] WHERE id = %s",
        copy.scene.page.id("points"),
        copy.operation("b2"),
    )


def delete_an_operation(copy: Copy) -> None:
    copy.attack("DELETE FROM ledger_entry WHERE operation_id = %s", copy.operation("b1"))
    copy.attack("DELETE FROM ledger_operation WHERE id = %s", copy.operation("b1"))
    copy.attack("DELETE FROM ledger_operation_key WHERE operation_id = %s", copy.operation("b1"))


def delete_entries(copy: Copy) -> None:
    copy.attack("DELETE FROM ledger_entry WHERE operation_id = %s", copy.operation("b1"))


def swap_two_operations(copy: Copy) -> None:
    first, second = copy.operation("b1"), copy.operation("b2")
    for table, column in (("operation", "id"), ("entry", "operation_id"), ("operation_key", "operation_id")):
        for old, new in ((first, LAST), (second, first), (LAST, second)):
            copy.attack(f"UPDATE ledger_{table} SET {column} = %s WHERE {column} = %s", new, old)


def insert_an_operation_among_sealed_ones(copy: Copy) -> None:
    """With an id in the middle of a sealed block, which a posting drew that was rolled back."""
    copy.attack(
        f"INSERT INTO ledger_operation (id, key, {OPERATION_COLUMNS})"
        f" SELECT %s, 'behind', {OPERATION_COLUMNS} FROM ledger_operation WHERE id = %s",
        copy.scene.gap,
        copy.operation("b3"),
    )


def insert_a_lone_entry(copy: Copy) -> None:
    """Money from nothing: an entry that belongs to a sealed operation by its column, and to no leaf."""
    copy.attack(
        "INSERT INTO ledger_entry (book_id, operation_id, account_id, amount, effective_at)"
        " SELECT book_id, operation_id, account_id, 100000, effective_at FROM ledger_entry"
        " WHERE operation_id = %s AND amount > 0",
        copy.operation("b1"),
    )
    copy.scene.page.aggregate()


def forget_a_key(copy: Copy) -> None:
    """So that a repeated request is posted a second time."""
    copy.attack("DELETE FROM ledger_operation_key WHERE operation_id = %s", copy.operation("b1"))


def rename_an_account(copy: Copy) -> None:
    copy.attack("UPDATE accounts_account SET code = 'eve' WHERE id = %s", copy.scene.page.id("anna"))


def change_a_units_exponent(copy: Copy) -> None:
    copy.attack("UPDATE accounts_unit SET exponent = 3 WHERE code = 'EUR'")


# --- The chain


def change_a_header(copy: Copy) -> None:
    copy.attack(
        "UPDATE ledger_seal_block SET header ="
        " convert_to(replace(convert_from(header, 'UTF8'), '\"count\":\"6\"', '\"count\":\"5\"'), 'UTF8')"
        " WHERE book_id = %s AND number = 2",
        copy.scene.page.book_id,
    )


def change_a_blocks_time(copy: Copy) -> None:
    copy.attack(
        "UPDATE ledger_seal_block SET sealed_at = sealed_at - interval '1 day' WHERE book_id = %s AND number = 2",
        copy.scene.page.book_id,
    )


def change_a_row_and_its_leaf_hash(copy: Copy) -> None:
    change_an_amount(copy)
    leaf = leaf_of(book=copy.scene.book, operation_id=copy.operation("b1"))
    assert leaf is not None
    copy.attack(
        "UPDATE ledger_seal_block SET leaf_hashes = overlay(leaf_hashes PLACING %s FROM 65 FOR 32)"
        " WHERE book_id = %s AND number = 2",
        tree.leaf_hash(leaf),
        copy.scene.page.book_id,
    )


def remove_a_middle_block(copy: Copy) -> None:
    copy.attack("DELETE FROM ledger_seal_block WHERE book_id = %s AND number = 2", copy.scene.page.book_id)


def change_a_head(copy: Copy) -> None:
    copy.attack(
        "UPDATE ledger_seal_checkpoint SET note = regexp_replace(note, '[0-9]+', '7') WHERE book_id = %s AND size = %s",
        copy.scene.page.book_id,
        copy.scene.sizes[1],
    )


def write_all_anew_with_another_key(copy: Copy) -> None:
    back_date_what_counts(copy)
    copy.rechain(signed_by=Signer.generate("localhost").text)


# --- What only outside checkpoints find


def write_all_anew_with_the_stolen_key(copy: Copy) -> None:
    """Thoroughly: with everything that is derived from it."""
    back_date_what_counts(copy)
    back_date_an_entry_alone(copy)
    copy.forget_aggregates()
    copy.rechain()


def cut_the_tail(copy: Copy) -> None:
    book, end = copy.scene.page.book_id, copy.scene.ends[1]
    for statement in (
        "DELETE FROM ledger_entry WHERE book_id = %s AND operation_id > %s",
        "DELETE FROM ledger_operation WHERE book_id = %s AND id > %s",
        "DELETE FROM ledger_operation_key WHERE book_id = %s AND operation_id > %s",
        "DELETE FROM ledger_seal_block WHERE book_id = %s AND to_id > %s",
    ):
        copy.attack(statement, book, end)
    for table in ("checkpoint", "publication"):
        copy.attack(f"DELETE FROM ledger_seal_{table} WHERE book_id = %s AND size > %s", book, copy.scene.sizes[1])
    copy.forget_aggregates()


def erase_the_chain(copy: Copy) -> None:
    for table in ("block", "checkpoint", "publication"):
        copy.attack(f"DELETE FROM ledger_seal_{table} WHERE book_id = %s", copy.scene.page.book_id)


def go_on_from_an_old_backup(copy: Copy) -> None:
    """The copy is that of the backup; other operations follow there, as many as the published chain had."""
    page = copy.scene.page
    page.write(*((f"other {number}", "points 1", "accepted") for number in range(5)))
    with override_settings(SEAL_DIRECTORIES=[]):
        page.seal()


# --- Before the seal


def insert_an_operation_before_sealing(copy: Copy) -> None:
    with superuser(copy.name) as attacker:
        attacker.execute(
            f"INSERT INTO ledger_operation (key, {OPERATION_COLUMNS}) SELECT 'by hand', {OPERATION_COLUMNS}"
            " FROM ledger_operation WHERE id = %s",
            (copy.operation("b1"),),
        )
    _seal(copy)


def change_an_amount_before_sealing(copy: Copy) -> None:
    copy.scene.page.write(("d1", "points 5", "accepted"))
    copy.attack("UPDATE ledger_entry SET amount = 500 WHERE operation_id = %s", copy.scene.page.operation_id("d1"))
    _seal(copy)


def change_a_time_before_sealing(copy: Copy) -> None:
    copy.scene.page.write(("d1", "points 5", "accepted"))
    operation = copy.scene.page.operation_id("d1")
    for table, column in (("operation", "id"), ("entry", "operation_id")):
        copy.attack(
            f"UPDATE ledger_{table} SET effective_at = effective_at - interval '1 day' WHERE {column} = %s", operation
        )
    _seal(copy)


def send_a_false_request(copy: Copy) -> None:
    copy.scene.page.write(("d1", "points 1000000", "accepted"))
    _seal(copy)


# --- The guards, and what is derived


def switch_a_guard_off(copy: Copy) -> None:
    with superuser(copy.name) as attacker:
        attacker.execute("ALTER TABLE ledger_entry DISABLE TRIGGER appendonly_update")


def silence_a_guard(copy: Copy) -> None:
    with superuser(copy.name) as attacker:
        attacker.execute("ALTER TABLE ledger_operation ENABLE TRIGGER appendonly_delete")


def grant_a_right(copy: Copy) -> None:
    with superuser(copy.name) as attacker:
        attacker.execute("GRANT UPDATE ON ledger_entry TO billing_app")


def change_a_snapshot(copy: Copy) -> None:
    copy.attack("UPDATE ledger_snapshot SET balance = balance + 1 WHERE book_id = %s", copy.scene.page.book_id)


def change_a_turnover(copy: Copy) -> None:
    copy.attack("UPDATE ledger_turnover SET increments = increments + 1 WHERE book_id = %s", copy.scene.page.book_id)


def _seal(copy: Copy) -> None:
    with override_settings(SEAL_DIRECTORIES=[]):
        copy.scene.page.seal()
