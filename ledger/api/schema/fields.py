"""Fields as strict as the readers: text is text, nothing is trimmed or converted, and an unknown member is an error."""

from collections.abc import Mapping
from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.limits import (
    AMOUNT_DIGITS_MAX,
    METADATA_KEY_CHARACTERS_MAX,
    METADATA_KEYS_MAX,
    METADATA_VALUE_CHARACTERS_MAX,
)
from ledger.messages import Malformed, read_time

# An amount of at most 38 digits, without and with a point; and, before it, that it is not zero.
_DIGITS = rf"-?(?:[0-9]{{1,{AMOUNT_DIGITS_MAX}}}|(?=[0-9.]{{3,{AMOUNT_DIGITS_MAX + 1}}}\Z)[0-9]+\.[0-9]+)\Z"
FLOOR_PATTERN = rf"\A{_DIGITS}"
AMOUNT_PATTERN = rf"\A(?!-?[0.]+\Z){_DIGITS}"


class TextField(serializers.CharField):
    """Text exactly as it is written: no number is taken for text, no blank is trimmed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        """Refuse everything but text."""
        if not isinstance(data, str):
            self.fail("invalid")
        return data


def printable(text: str) -> None:
    """Refuse control characters and the like, in a code or a key."""
    if not text.isprintable():
        raise serializers.ValidationError("Printable characters only.")


class AmountField(TextField):
    """An amount that is not zero."""

    def __init__(self, *, pattern: str = AMOUNT_PATTERN, **options: Any) -> None:
        super().__init__(validators=[RegexValidator(pattern)], **options)


@extend_schema_field({"type": "string", "format": "date-time"})
class MomentField(TextField):
    """An RFC 3339 time with its offset."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is not a moment on our clock, such as February 30th or a leap second."""
        text = super().to_internal_value(data)
        try:
            read_time(text, "")
        except Malformed as error:
            raise serializers.ValidationError(str(error)) from error
        return text


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": METADATA_KEYS_MAX,
        "propertyNames": {"minLength": 1, "maxLength": METADATA_KEY_CHARACTERS_MAX},
        "additionalProperties": {"type": "string", "maxLength": METADATA_VALUE_CHARACTERS_MAX},
    }
)
class MetadataField(serializers.DictField):
    """Flat text to text."""

    child = TextField(max_length=METADATA_VALUE_CHARACTERS_MAX, allow_blank=True)
    name = TextField(min_length=1, max_length=METADATA_KEY_CHARACTERS_MAX)

    def to_internal_value(self, data: Any) -> dict[Any, Any]:
        """Check number and names of members as well."""
        values = super().to_internal_value(data)
        if len(values) > METADATA_KEYS_MAX:
            raise serializers.ValidationError(f"Metadata has at most {METADATA_KEYS_MAX} members.")
        for name in values:
            self.name.run_validation(name)
        return values


class RequestSerializer(serializers.Serializer[Any]):
    """A JSON object in a request: its members are those declared, no others."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse unknown members."""
        if isinstance(data, Mapping) and (unknown := data.keys() - self.fields.keys()):
            raise serializers.ValidationError({str(name): "There is no such member." for name in unknown})
        return super().to_internal_value(data)


class _RequestSerializerExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # drf-spectacular is typed in part
    """Says in the schema what RequestSerializer does."""

    target_class = RequestSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """The schema as usual, closed."""
        usual: Any = auto_schema._map_serializer  # noqa: SLF001 - the documented way
        return {**usual(self.target, direction, bypass_extensions=True), "additionalProperties": False}


class _ChoiceFieldExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # drf-spectacular is typed in part
    """Says enumerations where they are used: which codes a call answers differs from call to call."""

    target_class = serializers.ChoiceField

    def map_serializer_field(self, _auto_schema: AutoSchema, _direction: str) -> dict[str, Any]:
        """The values, plainly."""
        return {"type": "string", "enum": [*self.target.choices, *([None] if self.target.allow_null else [])]}
