"""Accounts as they are declared: open one or many, read, list, change attributes."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from accounts.limits import CODE_CHARACTERS_MAX, NAME_CHARACTERS_MAX, OPEN_BATCH_ROWS_MAX
from accounts.models import AccountStatus
from accounts.opening import is_account_code
from ledger.api.schema.fields import FLOOR_PATTERN, AmountField, MetadataField, RequestSerializer, TextField
from ledger.api.schema.problems import problem_example, problems
from ledger.api.schema.shared import CODE, JSON, PAGING, PageSerializer, location, order, query

_FLOOR = "The least balance that a decrement may leave, as a decimal string; null for none."
_SETTABLE = [AccountStatus.OPEN.value, AccountStatus.FROZEN.value, AccountStatus.CLOSED.value]


# What stands in a path after `accounts/` for something else: our own call, and the way up, which clients take by themselves.
UNADDRESSABLE = frozenset({"batch", ".", ".."})


def _account_code(text: str) -> None:
    if not is_account_code(text) or text in UNADDRESSABLE:
        raise serializers.ValidationError("This cannot be an account's code.")


class NewAccountSerializer(RequestSerializer):
    """An account to open."""

    code = TextField(
        min_length=1,
        max_length=CODE_CHARACTERS_MAX,
        validators=[_account_code],
        help_text="Its name for ever: letters and digits of any script, and `: . _ -`; not `.`, `..` or `batch`.",
    )
    unit = TextField(allow_blank=True, help_text="The code of a unit, such as `EUR`.")
    floor = AmountField(pattern=FLOOR_PATTERN, required=False, allow_null=True, help_text=_FLOOR)
    name = TextField(required=False, allow_blank=True, max_length=NAME_CHARACTERS_MAX, help_text="A label for people.")
    metadata = MetadataField(required=False)


class NewAccountsSerializer(RequestSerializer):
    """Accounts to open."""

    accounts = serializers.ListField(child=NewAccountSerializer(), min_length=1, max_length=OPEN_BATCH_ROWS_MAX)


class AccountChangeSerializer(RequestSerializer):
    """Attributes to change; what is absent stays."""

    name = TextField(required=False, allow_blank=True, max_length=NAME_CHARACTERS_MAX)
    metadata = MetadataField(required=False)
    status = serializers.ChoiceField(
        _SETTABLE,
        required=False,
        help_text="A frozen account takes no entries; only one with a balance of zero can be closed, and stays closed.",
    )
    floor = AmountField(pattern=FLOOR_PATTERN, required=False, allow_null=True, help_text=_FLOOR)
    fast_debit_limit = AmountField(
        pattern=FLOOR_PATTERN,
        required=False,
        allow_null=True,
        help_text="The most that one call may take from the account without waiting for others near it, fixed by hand; "
        "more than zero. With null, as from the start, the ledger sets it from what the account has above its floor.",
    )


class AccountSerializer(serializers.Serializer[Any]):
    """An account with its attributes, without its balance."""

    code = serializers.CharField()
    book = serializers.CharField()
    unit = serializers.CharField()
    name = serializers.CharField()
    metadata = MetadataField()
    status = serializers.ChoiceField(AccountStatus.values)
    floor = serializers.CharField(allow_null=True)
    opened_at = serializers.DateTimeField()


class AccountsPageSerializer(PageSerializer):
    """One page of accounts."""

    results = AccountSerializer(many=True)


class OpenedSerializer(serializers.Serializer[Any]):
    """What became of one account to open."""

    code = serializers.CharField()
    status = serializers.ChoiceField(["created", "exists", "refused"])
    error = serializers.ChoiceField(
        ["account_exists", "unit_unknown", "forbidden_account"],
        required=False,
        help_text="Why it was refused; then nothing changed.",
    )


class OpenedListSerializer(serializers.Serializer[Any]):
    """One result for each account, in order."""

    results = OpenedSerializer(many=True)


WALLET = {"code": "user:42:wallet", "unit": "EUR", "floor": "0.00", "name": "Wallet", "metadata": {"user": "42"}}
_ACCOUNT = {
    **WALLET,
    "book": "main",
    "status": "open",
    "opened_at": "2024-02-29T12:30:00.000000Z",
}

open_account = extend_schema(
    operation_id="open_account",
    tags=["accounts"],
    summary="Open an account",
    request={JSON: NewAccountSerializer},
    parameters=[location(200, 201)],
    responses={
        201: OpenApiResponse(AccountSerializer, description="The account is open."),
        200: OpenApiResponse(AccountSerializer, description="The same account was opened before."),
        **problems(
            {403: ["forbidden_account"], 409: ["account_exists"], 422: ["unit_unknown"]},
            body=True,
            examples=[
                problem_example(
                    409, "account_exists", "An account of this code exists in this book, with other attributes."
                )
            ],
        ),
    },
    examples=[
        OpenApiExample("A wallet that cannot be overdrawn", value=WALLET, request_only=True),
        OpenApiExample("Without a floor", value={"code": "bank:settlement", "unit": "EUR"}, request_only=True),
        OpenApiExample("Account", value=_ACCOUNT, response_only=True, status_codes=["200", "201"]),
    ],
)
list_accounts = extend_schema(
    operation_id="list_accounts",
    tags=["accounts"],
    summary="List accounts by code",
    parameters=[
        query("prefix", "How their codes begin."),
        query("unit", "Their unit."),
        query("status", "Their status.", {"type": "string", "enum": AccountStatus.values}),
        order("asc"),
        *PAGING,
    ],
    responses={200: OpenApiResponse(AccountsPageSerializer, description="One page."), **problems({})},
    examples=[
        OpenApiExample(
            "Accounts",
            value={"results": [_ACCOUNT], "next": None, "previous": None},
            response_only=True,
            status_codes=["200"],
        )
    ],
)
open_accounts = extend_schema(
    operation_id="open_accounts",
    tags=["accounts"],
    summary="Open many accounts",
    request={JSON: NewAccountsSerializer},
    responses={
        200: OpenApiResponse(OpenedListSerializer, description="One result each, in order."),
        **problems({}, body=True),
    },
    examples=[
        OpenApiExample(
            "Two accounts",
            value={
                "accounts": [{"code": "user:7:wallet", "unit": "EUR", "floor": "0.00"}, {"code": "fees", "unit": "EUR"}]
            },
            request_only=True,
        ),
        OpenApiExample(
            "Results",
            value={
                "results": [
                    {"code": "user:7:wallet", "status": "created"},
                    {"code": "fees", "status": "refused", "error": "account_exists"},
                ]
            },
            response_only=True,
            status_codes=["200"],
        ),
    ],
)
read_account = extend_schema(
    operation_id="read_account",
    tags=["accounts"],
    summary="Read an account",
    parameters=[CODE],
    responses={
        200: OpenApiResponse(AccountSerializer, description="The account."),
        **problems({404: ["account_unknown"]}),
    },
    examples=[OpenApiExample("Account", value=_ACCOUNT, response_only=True, status_codes=["200"])],
)
change_account = extend_schema(
    operation_id="change_account",
    tags=["accounts"],
    summary="Change an account's attributes",
    parameters=[CODE],
    request={JSON: AccountChangeSerializer},
    responses={
        200: OpenApiResponse(AccountSerializer, description="The account as it is now."),
        **problems(
            {
                403: ["forbidden_account"],
                404: ["account_unknown"],
                409: ["account_closed", "balance_not_zero", "changed_meanwhile", "writers_busy"],
            },
            body=True,
            examples=[
                problem_example(409, "balance_not_zero", "Only an account with a balance of zero can be closed.")
            ],
        ),
    },
    examples=[
        OpenApiExample("A new floor", value={"floor": "-100.00"}, request_only=True),
        OpenApiExample(
            "Name and metadata",
            value={"name": "Travel", "metadata": {"user": "42", "colour": "blue"}},
            request_only=True,
        ),
        OpenApiExample("Account", value=_ACCOUNT, response_only=True, status_codes=["200"]),
    ],
)
