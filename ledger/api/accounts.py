"""Accounts over REST: open one or many, read, list, change attributes."""

from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec
from django.http import HttpResponse
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from accounts.limits import NAME_CHARACTERS_MAX, OPEN_BATCH_ROWS_MAX
from accounts.models import Account, AccountStatus
from accounts.money import ScaleError, parse_amount
from accounts.opening import OPENED_SENTENCES, NewAccount, Opened, is_account_code, open_accounts
from accounts.queries import account_by_code, accounts_page, units_by_code
from ledger.account_changes import change_account
from ledger.api.operations import order_of
from ledger.api.paging import envelope, page_of
from ledger.api.problems import problem
from ledger.api.rendering import account_document
from ledger.api.requests import LedgerView, answer, body_of
from ledger.api.schema import accounts as declared
from ledger.messages import Malformed, Problem, decode, floor_problems, is_storable, metadata_problems
from security.rights import Action


class AccountBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An account to open."""

    code: str
    unit: str
    floor: str | None = None
    name: str = ""
    metadata: dict[str, str] = {}


class AccountsBody(msgspec.Struct, forbid_unknown_fields=True):
    """Accounts to open."""

    accounts: list[AccountBody]


class AccountPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Attributes to change; what is absent stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    status: str | msgspec.UnsetType = msgspec.UNSET
    floor: str | msgspec.UnsetType | None = msgspec.UNSET
    fast_debit_limit: str | msgspec.UnsetType | None = msgspec.UNSET


_account_decoder = msgspec.json.Decoder(AccountBody)
_accounts_decoder = msgspec.json.Decoder(AccountsBody)
_patch_decoder = msgspec.json.Decoder(AccountPatch)
# The status of a problem and the place that it names.
_OPENED_PROBLEMS = {
    Opened.ACCOUNT_EXISTS: (409, "/code"),
    Opened.UNIT_UNKNOWN: (422, "/unit"),
    Opened.FORBIDDEN_ACCOUNT: (403, "/code"),
}
_STATUSES = (AccountStatus.OPEN, AccountStatus.FROZEN, AccountStatus.CLOSED)


class AccountForbidden(PermissionDenied):
    """The caller may see the account, but has no grant to change it."""

    default_code = Opened.FORBIDDEN_ACCOUNT
    default_detail = "The sender has no grant to change this account."


class _OpeningView(LedgerView):
    def open(self, accounts: list[NewAccount]) -> list[Opened]:
        """Open accounts as the caller; one result each."""
        credential = self.credential
        return open_accounts(
            book_id=self.book_id, source_id=credential.source_id, accounts=accounts, rights=credential.rights
        )


class AccountsView(_OpeningView):
    """`/accounts`: open one account, list accounts."""

    required_scopes: ClassVar = {"POST": "accounts:write", "GET": "accounts:read"}
    query_parameters: ClassVar = frozenset({"prefix", "unit", "status", "order", "cursor", "limit"})

    @declared.open_account
    def post(self, request: Request, **_path: str) -> HttpResponse:
        """Open an account: 201, or 200 where the same account was opened before, or 409 where another was."""
        body = decode(_account_decoder, body_of(request))
        new = read_accounts([body], [""])[0]
        opened = self.open([new])[0]
        if opened in OPENED_SENTENCES:
            status, pointer = _OPENED_PROBLEMS[opened]
            return problem(
                status=status,
                code=opened,
                detail=OPENED_SENTENCES[opened],
                request_id=self.request_id,
                errors=[Problem(pointer, opened, OPENED_SENTENCES[opened])],
            )
        account = account_by_code(book_id=self.book_id, code=new.code)
        return answer(
            account_document(account),
            status=201 if opened is Opened.CREATED else 200,
            headers={"Location": f"{request.path}/{quote(account.code, safe=':')}"},
        )

    @declared.list_accounts
    def get(self, request: Request, **_path: str) -> HttpResponse:
        """List accounts by code."""
        query = self.query()
        page = page_of(request, query, ascending=query.get("order", "asc") == "asc" or order_of(query))
        if query.get("status", "open") not in AccountStatus.values:
            raise Malformed(
                [Problem("query:status", "invalid", f"status is one of {', '.join(AccountStatus.values)}.")]
            )
        rights = self.credential.rights
        accounts = accounts_page(
            book_id=self.book_id,
            prefix=query.get("prefix", ""),
            unit=query.get("unit"),
            status=query.get("status"),
            beyond=page.place.position,
            ascending=page.ascending,
            rows=page.rows,
            places=None if rights is None else list(zip(*rights.places(Action.READ, Action.OPEN), strict=True)),
        )
        documents = [account_document(account) for account in accounts]
        return answer(envelope(request, query, page, documents, [account.code for account in accounts]))


class AccountsBatchView(_OpeningView):
    """`/accounts/batch`: open many accounts."""

    required_scopes: ClassVar = {"POST": "accounts:write"}

    @declared.open_accounts
    def post(self, request: Request, **_path: str) -> HttpResponse:
        """Open up to 10,000 accounts; one result each, in order."""
        body = decode(_accounts_decoder, body_of(request))
        if not 1 <= len(body.accounts) <= OPEN_BATCH_ROWS_MAX:
            raise Malformed([Problem("/accounts", "size", f"A batch has 1 to {OPEN_BATCH_ROWS_MAX} accounts.")])
        new = read_accounts(body.accounts, [f"/accounts/{index}" for index in range(len(body.accounts))])
        results = self.open(new)
        return answer(
            {"results": [_result(account.code, opened) for account, opened in zip(new, results, strict=True)]}
        )


class AccountView(LedgerView):
    """`/accounts/CODE`: one account."""

    required_scopes: ClassVar = {"GET": "accounts:read", "PATCH": "accounts:write"}

    @declared.read_account
    def get(self, request: Request, *, code: str, **_path: str) -> HttpResponse:
        """Return an account's attributes."""
        self.query()
        return answer(account_document(self.account(code)))

    @declared.change_account
    def patch(self, request: Request, *, code: str, **_path: str) -> HttpResponse:
        """Change name, metadata, status, floor or fast_debit_limit. Each change is recorded: who, when, before, after."""
        account = self.account(code)
        if not self.allows(Action.OPEN, code, account.unit.code):
            raise AccountForbidden
        patch = decode(_patch_decoder, body_of(request))
        changes = _changes(patch, account)
        if changes:
            change_account(account=account, source_id=self.credential.source_id, reason="API", changes=changes)
        return answer(account_document(self.account(code)))


def read_accounts(bodies: list[AccountBody], pointers: list[str]) -> list[NewAccount]:
    """Return accounts to open, checked. Raises Malformed with a pointer to each place."""
    units = units_by_code(codes={body.unit for body in bodies if is_storable(body.unit)})
    problems: list[Problem] = []
    accounts = []
    for body, pointer in zip(bodies, pointers, strict=True):
        problems += _problems(body, pointer)
        floor = None
        if body.floor is not None and body.unit in units:
            try:
                floor = (
                    parse_amount(body.floor, units[body.unit].exponent) if not floor_problems(body.floor, "") else None
                )
            except ScaleError as error:
                problems.append(Problem(f"{pointer}/floor", "amount_scale", str(error)))
        accounts.append(NewAccount(body.code, body.unit, body.name, body.metadata, floor))
    if problems:
        raise Malformed(problems)
    return accounts


def _problems(body: AccountBody, pointer: str) -> Iterator[Problem]:
    if not is_account_code(body.code):
        detail = "A code has 1 to 128 characters: letters and digits of any script, and : . _ -"
        yield Problem(f"{pointer}/code", "invalid_code", detail)
    if body.code in declared.UNADDRESSABLE:
        yield Problem(
            f"{pointer}/code", "invalid_code", "This code could not be asked for: an address means another thing by it."
        )
    if not is_storable(body.unit):
        yield Problem(f"{pointer}/unit", "invalid", "A unit has no NUL.")
    if body.floor is not None:
        yield from floor_problems(body.floor, f"{pointer}/floor")
    yield from _name_problems(body.name, pointer)
    yield from metadata_problems(body.metadata, f"{pointer}/metadata")


def _name_problems(name: str, pointer: str) -> Iterator[Problem]:
    if len(name) > NAME_CHARACTERS_MAX or not is_storable(name):
        detail = f"A name has at most {NAME_CHARACTERS_MAX} characters, none of them NUL."
        yield Problem(f"{pointer}/name", "invalid", detail)


def _changes(patch: AccountPatch, account: Account) -> dict[str, Any]:
    """Return the changes that a patch asks for, amounts in minor units. Raises Malformed."""
    given = msgspec.structs.asdict(patch)
    changes = {name: value for name, value in given.items() if value is not msgspec.UNSET}
    problems: list[Problem] = []
    if "name" in changes:
        problems += _name_problems(changes["name"], "")
    if "metadata" in changes:
        problems += metadata_problems(changes["metadata"], "/metadata")
    if "status" in changes and changes["status"] not in _STATUSES:
        problems.append(Problem("/status", "invalid", f"status is one of {', '.join(_STATUSES)}."))
    for name in ("floor", "fast_debit_limit"):
        if changes.get(name) is not None:
            found = list(floor_problems(changes[name], f"/{name}"))
            problems += found
            if not found:
                try:
                    changes[name] = parse_amount(changes[name], account.unit.exponent)
                except ScaleError as error:
                    problems.append(Problem(f"/{name}", "amount_scale", str(error)))
    limit = changes.get("fast_debit_limit")
    if isinstance(limit, int) and limit <= 0:
        problems.append(Problem("/fast_debit_limit", "invalid_amount", "The limit is more than zero, or null."))
    if problems:
        raise Malformed(problems)
    return changes


def _result(code: str, opened: Opened) -> dict[str, str]:
    if opened in OPENED_SENTENCES:
        return {"code": code, "status": "refused", "error": opened}
    return {"code": code, "status": opened}
