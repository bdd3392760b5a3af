"""Uploads: a stream becomes a stored file and a mass operation that is checked next, whichever way it came."""

from datetime import datetime
from typing import Any

import msgspec

from massops import files, lifecycle
from massops.limits import MAPPINGS_MAX, NAME_CHARACTERS_MAX
from massops.models import Kind, MassOperation, SavedMapping, State
from massops.rows.amounts import moment_reader
from massops.rows.mapping import Mapping, MappingError, check
from metrics.repository import observed


def upload(
    *,
    stream: files.Readable,
    book_id: int,
    source_id: int,
    credential: str,
    name: str,
    received_at: datetime,
    mapping: Mapping | None = None,
    mapping_name: str = "",
    own_keys: bool = True,
    again: bool = False,
    checked_now: bool = True,
    size_expected: int | None = None,
) -> MassOperation:
    """Store a file and return its mass operation, which is being checked, or `uploaded` until somebody asks for the check.

    Raises files.FileTooLarge, files.FileIncomplete, files.FileKnown.
    """
    file = files.store(
        stream=stream,
        book_id=book_id,
        source_id=source_id,
        credential=credential,
        name=name,
        again=again,
        received_at=received_at,
        size_expected=size_expected,
    )
    made = lifecycle.create(
        book_id=book_id,
        kind=Kind.FILE,
        file=file,
        name=name[-NAME_CHARACTERS_MAX:] or "file",
        source_id=source_id,
        credential=credential,
        mapping=document_of(mapping),
        mapping_name=mapping_name,
        own_keys=own_keys,
    )
    if not checked_now:
        return made
    with lifecycle.locked(mass_operation_id=made.id, source_id=source_id, reason="uploaded") as found:
        found.state = State.CHECKING
        found.save()
    return found


def check_again(
    *,
    mass_operation_id: int,
    source_id: int | None,
    mapping: Mapping | None,
    mapping_name: str = "",
    own_keys: bool = True,
    unit_to_open: str = "",
    keep_mapping: bool = False,
) -> MassOperation:
    """Check a file (again), with another mapping, or after opening its unknown accounts. Raises Refused, MappingError."""
    if mapping is not None:
        check(mapping)
    with lifecycle.locked(mass_operation_id=mass_operation_id, source_id=source_id, reason="check") as found:
        lifecycle.require(found, State.UPLOADED, State.CHECKED)
        if not keep_mapping:
            found.mapping, found.mapping_name, found.own_keys = document_of(mapping), mapping_name, own_keys
        found.state, found.unit_to_open = State.CHECKING, unit_to_open
        found.rows_read = found.rows_good = found.rows_bad = 0
        found.is_readable, found.checked_at, found.summary = False, None, {}
        found.lease_owner = found.lease_until = None
        found.save()
    return found


def saved_mapping(*, name: str) -> Mapping:
    """Return the mapping of this name. Raises MappingError."""
    saved = SavedMapping.objects.filter(name=name).first()
    if saved is None:
        raise MappingError("mapping_unknown", f"There is no mapping {name[:100]!r}.")
    return mapping_of(saved.document)


@observed(repository="mass_operations", expected=(lifecycle.Refused, MappingError))
def keep_mapping(*, name: str, mapping: Mapping, by: str) -> tuple[SavedMapping, bool]:
    """Save a new mapping under a name; return it, and whether it is new.

    Raises MappingError, and lifecycle.Refused where the name has another mapping, or there are too many.
    """
    check(mapping)
    moment_reader(mapping.date_format, mapping.time_zone)
    if SavedMapping.objects.count() >= MAPPINGS_MAX and not SavedMapping.objects.filter(name=name).exists():
        raise lifecycle.Refused(
            "too_many_mappings", f"There are {MAPPINGS_MAX} saved mappings; delete one in the panel."
        )
    document = document_of(mapping)
    saved, created = SavedMapping.objects.get_or_create(name=name, defaults={"document": document, "changed_by": by})
    if mapping_of(saved.document) != mapping:
        raise lifecycle.Refused("mapping_known", f"Another mapping is saved under the name {name[:100]!r}.")
    return saved, created


@observed(repository="mass_operations")
def mappings_page(*, beyond: int | None, ascending: bool, rows: int) -> list[SavedMapping]:
    """Return one page of saved mappings, by id, beyond one in the given direction."""
    found = SavedMapping.objects.all()
    if beyond is not None:
        found = found.filter(id__gt=beyond) if ascending else found.filter(id__lt=beyond)
    return list(found.order_by("id" if ascending else "-id")[:rows])


def mapping_of(document: Any) -> Mapping:
    """Return the mapping of a stored JSON document. Raises MappingError."""
    try:
        found = msgspec.convert(document, Mapping)
    except msgspec.ValidationError as error:
        raise MappingError("mapping_invalid", f"The mapping cannot be read: {error}.") from error
    check(found)
    return found


def document_of(mapping: Mapping | None) -> Any:
    """Return the JSON document of a mapping; None means the template."""
    return None if mapping is None else msgspec.to_builtins(mapping)
