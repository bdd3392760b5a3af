"""Mass reversal: a mass operation that undoes another, with the same steps: check, decision, posting."""

from massops import lifecycle
from massops.limits import NAME_CHARACTERS_MAX
from massops.models import FINAL_STATES, Kind, MassOperation, State


def reverse(*, mass_operation_id: int, source_id: int, credential: str, reason: str = "") -> MassOperation:
    """Make the reversal of a mass operation, which is being checked next. Raises lifecycle.Refused.

    It reverses what the original posted and nobody has reversed since; floors apply, as to any reversal.
    """
    original = MassOperation.objects.get(id=mass_operation_id)
    if original.kind == Kind.REVERSAL:
        raise lifecycle.Refused("not_reversible", "A reversal cannot be reversed.")
    lifecycle.require(original, *FINAL_STATES)
    if not original.rows_posted:
        raise lifecycle.Refused("not_reversible", "The mass operation posted nothing.")
    made = lifecycle.create(
        book_id=original.book_id,
        kind=Kind.REVERSAL,
        reverses=original,
        name=f"Reversal of {original.name}"[:NAME_CHARACTERS_MAX],
        source_id=source_id,
        credential=credential,
    )
    with lifecycle.locked(mass_operation_id=made.id, source_id=source_id, reason=reason or "reversal") as found:
        found.state = State.CHECKING
        found.save()
    return found
