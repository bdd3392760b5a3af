"""The attack table, done as superuser on copies of a sealed ledger: each attack is found by exactly what is claimed, and named.

`self` finds it within the database; `outside` only by comparing with heads that lie outside of it; what is not found at all is
shown not to be found, and docs/auditing.md says so.
"""

from collections.abc import Callable

import pytest
from django.test import override_settings

from ledger.sealing.verification import Mode, verify
from tests.ledger.sealing import attacks
from tests.ledger.sealing.scene import Copy, staged

# The attack; what the self check finds: a code, a block, an operation by its key.
FOUND_WITHIN = [
    (attacks.change_an_amount, "row_changed 2 b1, code_invalid 2 b1, aggregate_differs"),
    (attacks.write_no_number_as_an_amount, "row_changed 2 b1, code_invalid 2 b1, aggregate_differs"),
    (attacks.move_an_entry_to_another_account, "row_changed 2 b1, code_invalid 2 b1, aggregate_differs"),
    (attacks.change_a_message, "row_changed 2 b1, metadata_differs 2 b1"),
    (attacks.turn_a_refusal_into_another, "row_changed 2 b3"),
    (attacks.change_the_description_in_a_message, "row_changed 2 b1"),
    (attacks.change_the_metadata_in_a_message, "row_changed 2 b1, metadata_differs 2 b1"),
    (attacks.change_searchable_metadata_alone, "metadata_differs 2 b1"),
    (attacks.remove_searchable_metadata_alone, "metadata_differs 2 b1"),
    (attacks.add_searchable_metadata, "metadata_differs 2 b2"),
    (attacks.hide_a_refusal_from_its_account, "refused_accounts_differ 2 b3"),
    (attacks.show_a_refusal_under_another_account, "refused_accounts_differ 2 b3"),
    (attacks.show_an_accepted_operation_as_a_refusal, "refused_accounts_differ 2 b2"),
    (attacks.back_date_an_operation, "row_changed 2 b1, entry_stray - b1"),
    (attacks.back_date_what_counts, "row_changed 2 b1, entry_stray - b1"),
    (attacks.back_date_an_entry_alone, "entry_stray - b1, aggregate_differs"),
    (attacks.delete_an_operation, "row_removed 2, aggregate_differs"),
    (attacks.delete_entries, "row_changed 2 b1, code_invalid 2 b1, aggregate_differs"),
    (attacks.swap_two_operations, "row_changed 2 b1, row_changed 2 b2"),
    (attacks.insert_an_operation_among_sealed_ones, "row_added 2 gap, code_invalid 2 gap, key_fault - gap"),
    (attacks.insert_a_lone_entry, "entry_stray - b1"),
    (attacks.forget_a_key, "key_fault - b1"),
    (
        attacks.rename_an_account,
        ", ".join(
            f"{code} {number} {block}{place}"
            for number, block in enumerate("abc", 1)
            for code, places in (("row_changed", (1, 2, 5)), ("refused_accounts_differ", (3,)))
            for place in places
        ),
    ),
    (attacks.change_a_units_exponent, "totals_differ 1"),
    (attacks.change_a_header, "header_changed 2"),
    (attacks.change_a_blocks_time, "header_changed 2"),
    (
        attacks.change_a_row_and_its_leaf_hash,
        "code_invalid 2 b1, totals_differ 1, root_differs 2, aggregate_differs",
    ),
    (attacks.remove_a_middle_block, "block_missing 2, head_differs"),
    (attacks.change_a_head, "head_signature"),
    (attacks.write_all_anew_with_another_key, "head_signature, entry_stray - b1"),
    (attacks.insert_an_operation_before_sealing, "quarantined 4 new, key_fault - new"),
    (attacks.change_an_amount_before_sealing, "quarantined 4 new"),
    (attacks.switch_a_guard_off, "guard_fault"),
    (attacks.silence_a_guard, "guard_fault"),
    (attacks.grant_a_right, "guard_fault"),
    (attacks.change_a_snapshot, "aggregate_differs"),
    (attacks.change_a_turnover, "aggregate_differs"),
]
FOUND_OUTSIDE = [
    (attacks.write_all_anew_with_the_stolen_key, "outside_differs"),
    (attacks.cut_the_tail, "outside_longer"),
    (attacks.erase_the_chain, "outside_longer"),
    (attacks.go_on_from_an_old_backup, "outside_differs"),
]
NOT_FOUND = [
    attacks.change_a_time_before_sealing,
    attacks.send_a_false_request,
]


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    with staged(tmp_path_factory.mktemp("scene") / "checkpoints") as scene:
        yield scene


def found(copy: Copy, *, outside: bool) -> set[str]:
    """What a full verification of the copy finds, as the table writes it."""
    scene = copy.scene
    names = {number: key for key, number in scene.operations.items()} | {scene.gap: "gap"}
    with override_settings(SEAL_DIRECTORIES=[scene.folder] if outside else []):
        report = verify(mode=Mode.FULL, books=[scene.book])
    assert report.document["self_check_only"] is not outside
    told = set()
    for finding in report.findings.found:
        operation = None if finding.operation is None else names.get(finding.operation, "new")
        block = finding.block or ("-" if operation else None)
        told.add(" ".join(str(part) for part in (finding.code, block, operation) if part is not None))
    return told


def performed(scene, attack: Callable[[Copy], None]):
    return scene.copy(of=scene.backup if attack is attacks.go_on_from_an_old_backup else None)


def test_a_copy_that_nobody_attacked_is_sound(scene):
    with scene.copy() as copy:
        assert found(copy, outside=True) == set()
        assert found(copy, outside=False) == set()


@pytest.mark.parametrize(("attack", "expected"), FOUND_WITHIN, ids=lambda value: getattr(value, "__name__", ""))
def test_the_self_check_finds_it_and_names_it(scene, attack, expected):
    with performed(scene, attack) as copy:
        attack(copy)

        assert found(copy, outside=False) == set(expected.split(", "))


@pytest.mark.parametrize(("attack", "expected"), FOUND_OUTSIDE, ids=lambda value: getattr(value, "__name__", ""))
def test_only_heads_outside_find_it(scene, attack, expected):
    with performed(scene, attack) as copy:
        attack(copy)

        assert found(copy, outside=False) == set()
        assert found(copy, outside=True) == {expected}


@pytest.mark.parametrize("attack", NOT_FOUND)
def test_it_is_not_found(scene, attack):
    with performed(scene, attack) as copy:
        attack(copy)

        assert found(copy, outside=False) == set()
