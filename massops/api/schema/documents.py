"""The documents of a mass operation: what is answered and what is sent."""

from typing import Any

from rest_framework import serializers

from ledger.api.schema.fields import MomentField, RequestSerializer, TextField
from ledger.contracts import Priority
from massops.limits import REASON_CHARACTERS_MAX
from massops.models import Kind, Mode, State


class _UnitSerializer(serializers.Serializer[Any]):
    """Sums of the good rows in one unit."""

    unit = serializers.CharField()
    rows = serializers.IntegerField()
    sum = serializers.CharField()
    smallest = serializers.CharField()
    largest = serializers.CharField()
    increments = serializers.CharField()
    decrements = serializers.CharField()


class _UnknownSerializer(serializers.Serializer[Any]):
    """An account that rows name and that does not exist."""

    account = serializers.CharField()
    rows = serializers.IntegerField()
    unit = serializers.CharField(allow_null=True, help_text="The unit that the rows state, if they do.")


class _BelowFloorSerializer(serializers.Serializer[Any]):
    """A forecast: an account that the rows would take below its floor."""

    account = serializers.CharField()
    unit = serializers.CharField()
    balance = serializers.CharField()
    lowest = serializers.CharField()
    floor = serializers.CharField()
    line = serializers.IntegerField(help_text="The first line that would be refused.")


class _MassFileSerializer(serializers.Serializer[Any]):
    """The file as stored."""

    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()


class _MassCheckSerializer(serializers.Serializer[Any]):
    """What the check found; while it is running, how many rows it has read."""

    rows_read = serializers.IntegerField()
    rows_good = serializers.IntegerField()
    rows_bad = serializers.IntegerField()
    readable = serializers.BooleanField(help_text="Whether the file could be read to its end.")
    checked_at = MomentField(allow_null=True)
    units = _UnitSerializer(many=True)
    accounts = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="How many accounts do not exist; the most frequent are listed.")
    unknown_accounts = _UnknownSerializer(many=True)
    below_floor = _BelowFloorSerializer(many=True)
    errors = serializers.DictField(  # type: ignore[assignment]  # the name of a member, which DRF takes out of the class
        child=serializers.IntegerField(), help_text="How many rows have an error, by code."
    )
    notices = serializers.ListField(child=serializers.CharField())


class _MassDecisionSerializer(serializers.Serializer[Any]):
    """What was decided."""

    mode = serializers.ChoiceField(Mode.values)
    priority = serializers.ChoiceField(list(Priority))
    effective_at = MomentField(allow_null=True)
    start_at = MomentField(allow_null=True)
    decided_by = serializers.CharField()
    decided_at = MomentField()
    approval = serializers.CharField(allow_null=True, help_text="The approval by which a second person decides.")


class _MassProgressSerializer(serializers.Serializer[Any]):
    """How far the posting is."""

    row = serializers.IntegerField(help_text="Every row up to this one has its outcome.")
    rows = serializers.IntegerField()
    share = serializers.FloatField()
    posted = serializers.IntegerField()
    refused = serializers.IntegerField()
    refusals = serializers.DictField(child=serializers.IntegerField())
    sums = serializers.DictField(child=serializers.CharField())
    seconds = serializers.FloatField()
    rows_per_second = serializers.IntegerField()
    seconds_left = serializers.IntegerField(allow_null=True)


class MassOperationSerializer(serializers.Serializer[Any]):
    """A mass operation."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(Kind.values)
    name = serializers.CharField()
    state = serializers.ChoiceField(State.values)
    asked = serializers.ChoiceField(
        ["pause", "cancel"], allow_null=True, help_text="What the worker is going to do after its batch."
    )
    failure = serializers.CharField(allow_null=True)
    reverses = serializers.CharField(allow_null=True)
    file = _MassFileSerializer(allow_null=True)
    mapping = serializers.CharField(allow_null=True)
    keys = serializers.ChoiceField(["own", "fresh"])
    created_at = MomentField()
    state_at = MomentField()
    check = _MassCheckSerializer(allow_null=True)
    decision = _MassDecisionSerializer(allow_null=True)
    progress = _MassProgressSerializer(allow_null=True)


class MassOperationsSerializer(serializers.Serializer[Any]):
    """A page of mass operations."""

    results = MassOperationSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class MassCheckSerializer(RequestSerializer):
    """How to check again."""

    mapping = serializers.JSONField(
        required=False,
        help_text="The name of a saved mapping, a mapping itself, or null for the template; absent: as before.",
    )
    keys = serializers.ChoiceField(
        ["own", "fresh"],
        required=False,
        help_text="`own` (default): a row's key names it for ever. `fresh`: in this upload only.",
    )
    open_unit = TextField(
        required=False,
        max_length=32,
        help_text="Open the unknown accounts, in this unit unless a row states one. Needs `accounts:write`.",
    )


class MassDecisionSerializer(RequestSerializer):
    """A decision."""

    mode = serializers.ChoiceField(Mode.values, help_text="`each` good row, or `all` rows or none, in one transaction.")
    rows = serializers.IntegerField(min_value=0, help_text="How many good rows the check showed.")
    priority = serializers.ChoiceField(
        list(Priority), required=False, help_text="`bulk` (default) gives way to everybody."
    )
    effective_at = MomentField(required=False, allow_null=True, help_text="For all rows, in place of their own.")
    start_at = MomentField(required=False, allow_null=True, help_text="When to begin; absent: now.")


class MassReasonSerializer(RequestSerializer):
    """Why."""

    reason = TextField(required=False, allow_blank=True, max_length=REASON_CHARACTERS_MAX)
