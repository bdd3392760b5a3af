"""Grants: added, removed, read back as rights; what cannot be meant is refused here and by the database."""

import hashlib
import uuid
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from security.authentication import CREDENTIALS
from security.clients import ClientRefused, Terms, change_client, revoke_client
from security.grants import NewGrant, add_grant, remove_grant, rights_of_sources, rights_of_staff
from security.limits import TOKEN_CACHE_SECONDS
from security.models import Client, Grant
from security.rights import Action, Rule


def give(actor, action=Action.READ, prefix="", unit="", **limits):
    grant = NewGrant(action=action, account_prefix=prefix, unit=unit, **limits)
    return add_grant(grant=grant, now=timezone.now(), client_id=actor.client_id)


def rights_of(token):
    return CREDENTIALS.get(token_checksum=hashlib.sha256(token.encode()).hexdigest()).rights


def test_a_client_without_grants_is_bound_by_none(shop, remembered):
    assert rights_of(shop.token()) is None


def test_the_first_grant_restricts_and_the_last_one_that_goes_leaves_nothing(shop, remembered):
    token = shop.token()
    grant = give(shop, Action.DEBIT, "shop:", "EUR", amount_max=Decimal("10.5"), day_max=Decimal(100))
    one = rights_of(token)
    remove_grant(grant_id=grant.pk)
    none = rights_of(token)
    change_client(client_id=shop.client_id, name=shop.name, scopes=["accounts:read"], terms=Terms())

    assert one.rules == (Rule(grant.pk, "debit", "shop:", "EUR", Decimal("10.5"), Decimal(100)),)
    assert none.rules == ()
    assert not none.allows(Action.READ, "shop:1", "EUR")
    assert rights_of(token) is None


def test_they_come_with_the_credential_in_its_one_query(shop, remembered):
    for number in range(10):
        give(shop, Action.READ, f"shop:{number}:")
    token = shop.token()

    with CaptureQueriesContext(connection) as queries:
        found = rights_of(token)

    assert (len(queries), len(found.rules)) == (1, 10)


def test_another_process_knows_when_its_memory_is_too_old(shop, remembered):
    token = shop.token()
    rights_of(token)
    Client.objects.filter(client_id=shop.client_id).update(restricted_to_grants=True)

    told = []
    for age in (TOKEN_CACHE_SECONDS - 0.01, TOKEN_CACHE_SECONDS):
        remembered.clock.now = 1_000.0 + age
        told.append(rights_of(token) is None)

    assert told == [True, False]


def test_they_are_found_by_source_for_what_is_done_later(shop, till):
    give(shop, Action.CREDIT, "shop:")

    found = rights_of_sources(source_ids={shop.source_id, till.source_id})

    assert [rule.prefix for rule in found[shop.source_id].rules] == ["shop:"]
    assert found[till.source_id] is None


def test_a_person_has_the_grants_of_all_groups_and_none_of_others():
    groups = [Group.objects.create(name=f"group {uuid.uuid4().hex}") for _ in range(3)]
    anna = get_user_model().objects.create_user(f"anna-{uuid.uuid4().hex}")
    anna.groups.set(groups[:2])
    before = rights_of_staff(user_id=anna.pk)
    for group, prefix in zip(groups, ("a:", "b:", "c:"), strict=True):
        add_grant(grant=NewGrant(action=Action.DEBIT, account_prefix=prefix), now=timezone.now(), group_id=group.pk)

    assert before is None
    assert [rule.prefix for rule in rights_of_staff(user_id=anna.pk).rules] == ["a:", "b:"]


@pytest.mark.parametrize(
    ("grant", "sentence"),
    [
        ({"amount_max": Decimal(1)}, "A limit needs a unit, and the action credit, debit or reverse."),
        ({"action": Action.DEBIT, "day_max": Decimal(1)}, "A limit needs a unit"),
        ({"action": Action.READ, "unit": "EUR", "day_max": Decimal(1)}, "A limit needs a unit"),
        ({"action": Action.DEBIT, "unit": "EUR", "day_max": Decimal(0)}, "A limit is more than zero."),
        ({"action": Action.DEBIT, "unit": "EUR", "amount_max": Decimal(-1)}, "A limit is more than zero."),
        ({"prefix": "a b"}, "There are no blanks"),
        ({"prefix": "x" * 129}, "Ensure this value has at most 128 characters"),
        ({"action": Action.DEBIT, "unit": "EUR", "amount_max": Decimal("1e30")}, "Ensure that there are no more than"),
        ({"action": "fly"}, "Value 'fly' is not a valid choice."),
    ],
)
def test_it_refuses_what_cannot_be_meant(shop, grant, sentence):
    with pytest.raises(ClientRefused, match=sentence):
        give(shop, **grant)


def test_it_refuses_the_same_grant_twice_and_clients_that_are_none(shop, monkeypatch):
    give(shop, Action.READ, "shop:")
    with pytest.raises(ClientRefused, match="There is such a grant already"):
        give(shop, Action.READ, "shop:")

    monkeypatch.setattr("security.grants.GRANTS_LIMIT", 1)
    with pytest.raises(ClientRefused, match="There are at most 1 grants for one"):
        give(shop, Action.READ, "till:")

    revoke_client(client_id=shop.client_id, now=timezone.now())
    with pytest.raises(ClientRefused, match="or it is revoked"):
        give(shop, Action.CREDIT)
    with pytest.raises(ClientRefused, match="There is no grant 0"):
        remove_grant(grant_id=0)


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"client": None}, "grant_has_one_owner"),
        ({"action": "fly"}, "grant_action_known"),
        ({"amount_max": 1}, "grant_limit_has_unit"),
        ({"action": "debit", "unit": "EUR", "day_max": 0}, "grant_limit_positive"),
    ],
)
def test_the_database_refuses_it_too(shop, columns, constraint):
    client = Client.objects.get(client_id=shop.client_id)

    with pytest.raises(IntegrityError, match=constraint):
        Grant.objects.create(**{"client": client, "action": "read", "created_at": timezone.now(), **columns})
