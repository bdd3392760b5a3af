"""Where the rows of a mass operation come from: its file, or the rows of the mass operation that it reverses.

Rows are made the same way every time, so staging, results and error lists can be made again at any moment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from ledger import queries
from ledger.contracts import ACCEPTED
from ledger.limits import KEY_CHARACTERS_MAX
from massops import files
from massops.limits import RESULT_ROWS
from massops.models import Kind, MassOperation
from massops.rows.amounts import negated
from massops.rows.mapping import Mapping
from massops.rows.reading import Reading, read_rows
from massops.rows.records import RowError
from massops.staging import Staged
from massops.uploads import mapping_of
from security.grants import rights_of_sources
from security.rights import Action, Rights

Item = Staged | list[RowError]


@contextmanager
def items_of(mass_operation: MassOperation) -> Iterator[Iterator[Item]]:
    """Give every row of a mass operation as it is staged, or its errors, in order."""
    if mass_operation.kind == Kind.REVERSAL and mass_operation.reverses is not None:
        with items_of(mass_operation.reverses) as items:
            yield _reversed(mass_operation, mass_operation.reverses, items)
        return
    file = files.file_of(mass_operation)
    with files.opened(file) as source:
        reading = read_rows(source, mapping_in_use(mass_operation), received_at=file.received_at)
        yield _staged(mass_operation, reading)


def mapping_in_use(mass_operation: MassOperation) -> Mapping | None:
    """Return the mapping that was chosen, None for the template."""
    return None if mass_operation.mapping is None else mapping_of(mass_operation.mapping)


def credential_of(mass_operation_id: int) -> str:
    """What the messages of a mass operation name as their credential: the mass operation, which names who and what file."""
    return f"massop:{mass_operation_id}"


def rights_for(mass_operation: MassOperation) -> Rights | None:
    """Return what the sender's grants allow now in mass operations; None for who is not bound by grants."""
    rights = rights_of_sources(source_ids={mass_operation.source_id})[mass_operation.source_id]
    return None if rights is None else rights.within(Action.MASS)


def is_own_key(mass_operation: MassOperation) -> bool:
    """Whether rows may have been posted before this mass operation under the same keys."""
    return mass_operation.kind == Kind.FILE and mass_operation.own_keys


def _staged(mass_operation: MassOperation, reading: Reading) -> Iterator[Item]:
    """Rows with the keys that they have in the ledger: the row's own, or one below this mass operation's name."""
    prefix = f"{credential_of(mass_operation.id)}:"
    own, room = mass_operation.own_keys, KEY_CHARACTERS_MAX - len(prefix)
    for row, line, item in reading.items:
        if isinstance(item, list):
            yield item
            continue
        key = item[0]
        if not (own and key):
            if len(key) > room:
                yield [RowError(row, line, "key", "key_invalid", f"Such a key has at most {room} characters.")]
                continue
            key = prefix + (key or str(row))
        yield (row, line, key, *item[1:], None)


def _reversed(mass_operation: MassOperation, original: MassOperation, items: Iterator[Item]) -> Iterator[Item]:
    """The opposite of each row that the original posted; rows are numbered anew, lines stay the file's."""
    prefix, number = f"{credential_of(mass_operation.id)}:", 0
    rows = (item for item in items if not isinstance(item, list))
    while block := list(islice(rows, RESULT_ROWS)):
        outcomes = queries.outcomes_of_keys(
            book_id=original.book_id, source_id=original.source_id, keys=[item[2] for item in block]
        )
        for item, outcome in zip(block, outcomes, strict=True):
            if outcome is None or outcome.outcome != ACCEPTED or outcome.credential != credential_of(original.id):
                continue
            number += 1
            _, line, _, account, to_account, amount, unit, *_ = item
            key = f"{prefix}{outcome.operation_id}"
            yield (
                number,
                line,
                key,
                account,
                to_account,
                negated(amount),
                unit,
                None,
                None,
                None,
                outcome.operation_id,
            )
