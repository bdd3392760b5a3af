"""Rates: never more than a bucket holds, whoever asks; what is said in the headers; what happens while Valkey is away."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv6Address, IPv6Network

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.http import HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from security import shared_buckets
from security.apps import SecurityConfig
from security.clients import ClientRefused, Terms, change_client
from security.limits import LEASE_SECONDS
from security.quotas import Quota, quota_of, validate_rate
from security.rates import Buckets, RateLimitHeaders, Verdict
from security.shared_buckets import SharedBuckets, Taken
from tests.security.actors import post_form
from tests.security.test_authentication import call


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Shared:
    """A double of Valkey's side, with the test's clock: it gives until `level` is used up."""

    def __init__(self, level: int) -> None:
        self.level, self.asked = level, []

    def take(self, *, want, **_bucket):
        self.asked.append(want)
        given = min(want, self.level)
        self.level -= given
        return Taken(given, self.level, 0.0 if given else 2.0)


def fresh() -> str:
    return f"test:{uuid.uuid4().hex}"


def take(buckets: Buckets, quota: Quota, name: str = "n", times: int = 1) -> list[bool]:
    return [buckets.take(name=name, label="write", quota=quota).allowed for _ in range(times)]


# --- quotas --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "600", "600/", "/60", "0/60", "600/0", "-1/60", "1.5/60", "6e2/60", "٦/60", "1/90000"]
)
def test_it_refuses_what_is_no_rate(text):
    with pytest.raises(ValueError, match=r"is not a rate|out of bounds"):
        quota_of(text)
    with pytest.raises(ValidationError):
        validate_rate(text)


@pytest.mark.parametrize(
    ("text", "block"), [("600/60", 1), ("19/1", 1), ("40/1", 2), ("10000/1", 500), ("1/86400", 1), ("60000/60", 50)]
)
def test_a_block_is_a_twentieth_of_a_second_s_worth_and_one_at_least(text, block):
    assert quota_of(text).block == block


def test_the_service_does_not_start_with_a_rate_that_cannot_be_read(settings):
    settings.RATE_LIMIT_READ = "many"
    with pytest.raises(ImproperlyConfigured, match="RATE_LIMIT_READ: many is not a rate such as 600/60"):
        SecurityConfig.create("security").ready()


def test_a_client_s_own_rate_must_be_one(shop):
    with pytest.raises(ClientRefused, match=r"Write requests and seconds: 600/60\."):
        change_client(client_id=shop.client_id, name=shop.name, scopes=["accounts:read"], terms=Terms(rate_read="many"))


# --- blocks in a process -------------------------------------------------------------------------------------------


def test_most_requests_ask_nobody():
    shared = Shared(1_000)
    buckets = Buckets(clock=Clock(), shared=shared)

    assert all(take(buckets, Quota(1_000, 1), times=100))
    assert shared.asked == [50, 50]


def test_a_block_lapses():
    clock, shared = Clock(), Shared(1_000)
    buckets = Buckets(clock=clock, shared=shared)

    take(buckets, Quota(1_000, 1))
    clock.now += LEASE_SECONDS - 0.01
    take(buckets, Quota(1_000, 1))
    clock.now += 0.01
    take(buckets, Quota(1_000, 1))

    assert shared.asked == [50, 50]


def test_a_closed_bucket_is_not_asked_again_before_its_time():
    clock, shared = Clock(), Shared(1)
    buckets = Buckets(clock=clock, shared=shared)

    told = take(buckets, Quota(10, 20), times=50)
    clock.now += 1.99
    told += take(buckets, Quota(10, 20))
    shared.level = 1
    clock.now += 0.01
    told += take(buckets, Quota(10, 20))

    assert told == [True] + [False] * 50 + [True]
    assert shared.asked == [1, 1, 1]


def test_a_changed_quota_is_a_new_bucket_and_old_ones_are_forgotten(monkeypatch):
    monkeypatch.setattr("security.rates.BUCKETS_IN_PROCESS_LIMIT", 2)
    buckets = Buckets(clock=Clock(), shared=Shared(100))

    for name, quota in (("a", Quota(1, 1)), ("a", Quota(2, 1)), ("b", Quota(1, 1)), ("c", Quota(1, 1))):
        take(buckets, quota, name)

    assert set(buckets._buckets) == {"c"}


@pytest.mark.parametrize(
    ("verdict", "headers"),
    [
        (
            Verdict(True, "write", Quota(600, 60), 590, 0.0),
            {"RateLimit-Policy": '"write";q=600;w=60', "RateLimit": '"write";r=590;t=1'},
        ),
        (
            Verdict(False, "read", Quota(10, 60), 0, 5.2),
            {"RateLimit-Policy": '"read";q=10;w=60', "RateLimit": '"read";r=0;t=6'},
        ),
    ],
)
def test_the_headers_are_those_of_the_draft(verdict, headers):
    assert verdict.headers() == headers


# --- Valkey --------------------------------------------------------------------------------------------------------


def test_processes_share_a_bucket_and_never_take_more_than_it_holds():
    # A bucket that fills so slowly that the test does not see it.
    quota, name = Quota(2_000, 86_400), fresh()
    given, lock = [0], threading.Lock()

    def process(_number: int) -> None:
        buckets = Buckets(shared=SharedBuckets())
        for _ in range(400):
            if buckets.take(name=name, label="write", quota=quota).allowed:
                with lock:
                    given[0] += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(process, range(8)))

    assert given == [2_000]


def test_the_hammer_would_catch_processes_that_count_for_themselves(settings):
    settings.WEB_WORKERS = 1
    quota, name, given = Quota(200, 86_400), fresh(), 0

    for _ in range(4):
        shared = SharedBuckets()
        shared._resting_until = float("inf")
        given += sum(take(Buckets(shared=shared), quota, name, times=300))

    assert given > 200


def test_a_bucket_fills_again_with_the_time_of_the_server():
    shared, name = SharedBuckets(), fresh()

    first = [shared.take(name=name, quota=3, seconds=3_600, want=2) for _ in range(3)]

    assert [(taken.given, taken.left) for taken in first] == [(2, 1), (1, 0), (0, 0)]
    assert 1_190 < first[2].wait_seconds <= 1_200


def test_a_smaller_quota_holds_at_once():
    shared, name = SharedBuckets(), fresh()
    shared.take(name=name, quota=100, seconds=3_600, want=1)

    assert shared.take(name=name, quota=5, seconds=3_600, want=50).given == 5


def test_while_valkey_is_away_each_process_gives_its_share(settings, monkeypatch, caplog):
    settings.WEB_WORKERS, settings.REDIS_URL = 2, "redis://127.0.0.1:1/0"
    clock = Clock()
    buckets = Buckets(clock=clock, shared=SharedBuckets())

    told = take(buckets, Quota(20, 60), times=12)
    clock.now += 6.1  # a share of ten fills within 60 seconds
    told += take(buckets, Quota(20, 60), times=3)

    assert told == [True] * 10 + [False] * 2 + [True] + [False] * 2
    assert len([r for r in caplog.records if "requests are counted in each process" in r.message]) == 1


def test_it_returns_to_valkey_after_a_rest(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(shared_buckets.time, "monotonic", lambda: now[0])
    shared, calls = SharedBuckets(), []

    def script(**_named):
        calls.append(now[0])
        if len(calls) == 1:
            raise redis.ConnectionError("gone")
        return [1, 2, 0]

    shared._script = script
    told = []
    for now[0] in (1.0, 2.0, 5.9, 6.0):
        told.append(shared.take(name="n", quota=1, seconds=1, want=1))

    assert (told, calls) == ([None, None, None, Taken(1, 2, 0.0)], [1.0, 6.0])


# --- through the API -----------------------------------------------------------------------------------------------


def limit(actor, **rates):
    scopes = ["accounts:read", "operations:read", "operations:write"]
    change_client(client_id=actor.client_id, name=actor.name, scopes=scopes, terms=Terms(**rates))


def test_reading_and_writing_have_a_bucket_each(shop, remembered):
    limit(shop, rate_read="2/3600", rate_write="1/3600")
    token = shop.token()

    statuses = [call(token, method=method).status_code for method in ("GET", "GET", "GET", "POST", "POST")]

    assert statuses == [200, 200, 429, 201, 429]


def test_a_client_does_not_use_up_another_s(shop, till, remembered):
    limit(shop, rate_read="1/3600")
    tokens = [shop.token(), shop.token(), till.token()]

    assert [call(token).status_code for token in tokens] == [200, 429, 200]


def test_it_says_when_to_ask_again(shop, remembered):
    limit(shop, rate_read="1/60")
    token = shop.token()
    call(token)

    response = call(token)

    assert (response.status_code, response.data["detail"].code) == (429, "throttled")
    assert 58 <= int(response["Retry-After"]) <= 60


def test_the_middleware_tells_what_is_left():
    request = RequestFactory().get("/")
    plain = RateLimitHeaders(lambda _: HttpResponse())(request)
    request.rate_verdict = Verdict(True, "read", Quota(10, 10), 9, 0.0)
    counted = RateLimitHeaders(lambda _: HttpResponse())(request)

    assert "RateLimit" not in plain
    assert counted["RateLimit"] == '"read";r=9;t=1'


# --- the OAuth2 endpoints ------------------------------------------------------------------------------------------


def ask(actor, address, secret=None):
    form = {"grant_type": "client_credentials", "client_id": actor.client_id, "client_secret": secret or actor.secret}
    return post_form("/oauth/token/", form, REMOTE_ADDR=address)


def new_address():
    """An address that no other test calls from."""
    return str(IPv6Address(0x20010DB8 << 96 | uuid.uuid4().int >> 32))


def bearer(token, address):
    return Browser().get("/api/v1/accounts", headers={"Authorization": f"Bearer {token}"}, REMOTE_ADDR=address)


def test_a_client_asks_for_tokens_at_a_rate_from_each_address(shop, till, settings):
    settings.RATE_LIMIT_OAUTH = "2/3600"
    address = new_address()

    statuses = [ask(shop, address).status_code for _ in range(3)]
    refused = ask(shop, address)

    assert statuses == [200, 200, 429]
    assert refused.json()["error"] == "temporarily_unavailable"
    assert 1_700 < int(refused["Retry-After"]) <= 1_800
    assert refused["RateLimit-Policy"] == '"oauth";q=2;w=3600'
    assert ask(till, address).status_code == 200
    assert ask(shop, new_address()).status_code == 200


def test_wrong_secrets_are_counted_for_each_address_and_refused_alone(shop, till, settings):
    settings.RATE_LIMIT_FAILED, settings.RATE_LIMIT_OAUTH = "3/3600", "2/3600"
    address = new_address()

    statuses = [ask(actor, address, "wrong").status_code for actor in (shop, till, shop, till, shop)]
    refused = ask(shop, address, "wrong")

    assert statuses == [401, 401, 401, 429, 429]
    assert 1_000 < int(refused["Retry-After"]) <= 1_200
    assert refused["RateLimit-Policy"] == '"failed";q=3;w=3600'
    assert [ask(shop, address).status_code for _ in range(2)] == [200, 200]
    assert ask(shop, new_address(), "wrong").status_code == 401


@pytest.mark.parametrize("path", ["/oauth/token/", "/oauth/revoke_token/", "/oauth/introspect/"])
def test_clients_that_are_none_are_counted_at_every_endpoint(settings, path):
    settings.RATE_LIMIT_FAILED = "2/3600"
    address = new_address()

    def guess(number):
        form = f"grant_type=client_credentials&token=x&client_id=guess-{number}&client_secret=s"
        return post_form(path, form, REMOTE_ADDR=address).status_code

    assert [guess(number) for number in range(4)] == [401, 401, 429, 429]


def test_invalid_tokens_are_counted_for_each_address_and_refused_alone(shop, settings):
    settings.RATE_LIMIT_FAILED = "3/3600"
    address, token = new_address(), shop.token()

    statuses = [bearer(wrong, address).status_code for wrong in ("a", "b", "é", "c", "d")]
    refused = bearer("e", address)

    assert statuses == [401, 401, 401, 429, 429]
    assert refused.json()["code"] == "throttled"
    assert 1_000 < int(refused["Retry-After"]) <= 1_200
    assert refused["RateLimit-Policy"] == '"failed";q=3;w=3600'
    assert bearer(token, address).status_code == 200
    assert bearer("a", new_address()).status_code == 401


def test_the_network_of_an_ipv6_address_is_one_origin(settings):
    settings.RATE_LIMIT_FAILED = "2/3600"
    network = IPv6Network((int(IPv6Address(new_address())) >> 64 << 64, 64))

    assert [bearer("a", str(network[number])).status_code for number in (1, 2, 3)] == [401, 401, 429]


def test_a_token_that_has_expired_is_not_counted(shop, settings):
    settings.RATE_LIMIT_FAILED = "1/3600"
    address, token = new_address(), shop.token()
    get_access_token_model().objects.filter(application__client_id=shop.client_id).update(expires=timezone.now())

    assert [bearer(token, address).status_code for _ in range(3)] == [401, 401, 401]


def test_without_the_limit_the_same_calls_are_401(settings):
    """The control."""
    settings.RATE_LIMIT_FAILED = "1000000/1"
    address = new_address()

    assert {bearer("a", address).status_code for _ in range(10)} == {401}
