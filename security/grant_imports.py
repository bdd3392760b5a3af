"""Grants from files and into files, with a preview before anything is stored (django-import-export).

A row is judged by the form of a grant and told with its column and sentence. The grants of a file are one act in the person's
name: all are given or none, and where one needs a second person the whole file waits (security.grant_approvals). An export can
be imported: a grant that is there with the same limits is left alone, with others it is refused.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils import timezone
from import_export import fields, resources

from security.approvals import State
from security.clients import ClientRefused
from security.formulas import defused
from security.grant_approvals import ask_grants, needs_approval
from security.grant_form import GrantForm
from security.grant_models import Grant
from security.grants import NewGrant, OwnedGrant, add_grants
from security.limits import GRANTS_LIMIT
from security.models import Client
from security.reference_import import FileRefused
from security.rights import Action

COLUMNS = ("client", "group", "action", "account_prefix", "unit", "amount_max", "day_max")


class GrantResource(resources.ModelResource):  # type: ignore[misc]  # the library has no types
    """Grants; of `client` (a client id) and `group` (a name) each row has one."""

    client = fields.Field(column_name="client", attribute="client__client_id")
    group = fields.Field(column_name="group", attribute="group__name")

    class Meta:
        model = Grant
        fields = COLUMNS
        export_order = COLUMNS
        import_id_fields = ()
        # An approval must be stored before its effect begins, so all is done at the end, and not in a transaction with the rows.
        use_transactions = False
        report_skipped = True

    def __init__(self, *, source_id: int | None = None, **more: Any) -> None:
        super().__init__(**more)
        self._source_id = source_id
        self._new: list[OwnedGrant] = []
        self._seen: dict[tuple[Any, ...], int] = {}

    def before_import(self, dataset: Any, **_options: Any) -> None:
        """Read once what every row needs. Raises FileRefused for too many rows and for columns that are not there."""
        if len(dataset) > GRANTS_LIMIT:
            raise FileRefused(f"A file of grants has at most {GRANTS_LIMIT} rows.")
        if missing := [name for name in COLUMNS if name not in (dataset.headers or ())]:
            raise FileRefused(f"The file has no column {', '.join(missing)}.")
        self._new, self._seen = [], {}
        self._groups = {group.name: group for group in Group.objects.all()}
        named = {_text(row, "client") for row in dataset.dict}
        self._clients = {client.client_id: client for client in Client.objects.filter(client_id__in=named)}

    def get_instance(self, _loader: Any, _row: Any) -> None:
        """Each row is a grant to add; whether it is there, the row itself tells."""

    def import_instance(self, instance: Grant, row: Mapping[str, Any], row_number: int = 0, **_options: Any) -> None:
        """Judge one row and remember what it adds. Raises ValidationError."""
        data = {name: _text(row, name) for name in COLUMNS}
        instance.client = self._owner(self._clients, "client", data["client"])
        instance.group = self._owner(self._groups, "group", data["group"])
        form = GrantForm({**data, "client": _id(instance.client), "group": _id(instance.group)})
        known = Grant.objects.filter(
            client=instance.client, group=instance.group, **{name: data[name] for name in COLUMNS[2:5]}
        ).first()
        errors = {name: list(told) for name, told in form.errors.items()}
        if known is not None:  # the table's own constraint, which is told below with what can be done
            errors.pop(NON_FIELD_ERRORS, None)
        if errors:
            raise ValidationError(errors)
        values = {name: form.cleaned_data[name] for name in COLUMNS[2:]}
        place = (instance.client_id, instance.group_id, *(values[name] for name in COLUMNS[2:5]))
        if place in self._seen:
            raise ValidationError({"action": f"The same grant stands in row {self._seen[place]}."})
        self._seen[place] = row_number
        for name, value in values.items():
            setattr(instance, name, value)
        if known is not None:
            if (known.amount_max, known.day_max) != (instance.amount_max, instance.day_max):
                raise ValidationError({"action": "There is such a grant with other limits; remove it first."})
            instance.pk = known.pk
            return
        grant = NewGrant(**{**values, "action": Action(values["action"])})
        self._new.append(OwnedGrant(grant=grant, client_id=data["client"] or None, group_id=instance.group_id))

    def skip_row(self, instance: Grant, _original: Any, _row: Any, import_validation_errors: Any = None) -> bool:
        """One that is there is left as it is."""
        return instance.pk is not None and not import_validation_errors

    def do_instance_save(self, _instance: Grant, _is_create: bool) -> None:  # noqa: FBT001 - the library's signature
        """Nothing yet: all rows are one act, below."""

    def after_import(self, _dataset: Any, result: Any, *, dry_run: bool = False, **_options: Any) -> None:
        """Give all grants or ask for all of them; none of a preview, and none where a row is bad. Raises FileRefused."""
        if dry_run or not self._new or result.has_errors() or result.has_validation_errors():
            return
        try:
            if not any(needs_approval(one.grant.action) for one in self._new):
                add_grants(grants=self._new, now=timezone.now())
                return
            result.standing = ask_grants(grants=self._new, requested_by=self._source_id or 0)
        except ClientRefused as refusal:
            raise FileRefused(str(refusal)) from refusal
        if result.standing.state not in {State.PENDING, State.DONE}:
            raise FileRefused(str(result.standing.result.get("reason", result.standing.state)))

    def dehydrate_account_prefix(self, grant: Grant) -> str:
        """The prefix; a spreadsheet must not run it."""
        return defused(grant.account_prefix)

    def dehydrate_unit(self, grant: Grant) -> str:
        """The unit, likewise."""
        return defused(grant.unit)

    def dehydrate_group(self, grant: Grant) -> str:
        """The group's name, likewise."""
        return defused(grant.group.name) if grant.group else ""

    def dehydrate_amount_max(self, grant: Grant) -> str:
        """In units, without zeros at the end."""
        return _amount(grant.amount_max)

    def dehydrate_day_max(self, grant: Grant) -> str:
        """In units, without zeros at the end."""
        return _amount(grant.day_max)

    def _owner(self, known: Mapping[str, Any], column: str, name: str) -> Any:
        if name and name not in known:
            raise ValidationError({column: f"There is no {column} {name}."})
        return known.get(name)


def _text(row: Mapping[str, Any], name: str) -> str:
    """A cell; without the apostrophe that an export set before what a spreadsheet would run."""
    value = row.get(name)
    text = "" if value is None else str(value).strip()
    return text[1:] if text[:1] == "'" and defused(text[1:]) == text else text


def _amount(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}"


def _id(owner: Client | Group | None) -> int | str:
    return "" if owner is None else owner.pk
