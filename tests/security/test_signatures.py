"""Signed requests: the vectors of the RFCs, what a signature must cover, and everything that makes one worthless."""

import base64
import io

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.test import RequestFactory
from django.utils import timezone

from security import signatures
from security.clients import ClientRefused
from security.key_models import plain_key
from security.keys import register_key, revoke_key
from security.limits import CLIENT_KEYS_LIMIT, SIGNATURE_AGE_SECONDS_LIMIT, SIGNATURE_AHEAD_SECONDS_LIMIT
from security.models import ClientKey
from security.signatures import SignatureRefused, SigningKey, Verifier, check_content, check_head, checked_stream
from tests.security.signing import COVERED, Signer

# RFC 9421, appendix B.1.4 and B.2.6, and the request of appendix B.2.
PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----"""
BODY = b'{"hello": "world"}'
DIGEST = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
B_2_6 = {
    "Host": "example.com",
    "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
    "Content-Digest": DIGEST,
    "Signature-Input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"',
    "Signature": "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
}
B_2_6_BASE = '''"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")\
;created=1618884473;keyid="test-key-ed25519"'''
PATH = "/api/v1/operations"


def request_of(method="POST", path=PATH, body=BODY, headers=None):
    return RequestFactory().generic(method, path, body, content_type="application/json", headers=headers or {})


def refusal(request, keys, *, required=False):
    with pytest.raises(SignatureRefused) as refused:
        check_head(request=request, keys=keys, required=required)
    return refused.value.get_codes()


@pytest.fixture
def signer():
    return Signer()


@pytest.fixture
def keys(signer):
    return {signer.key_id: SigningKey(signer.public_key, None)}


# --- vectors -------------------------------------------------------------------------------------------------------


def test_it_verifies_the_signature_of_rfc_9421_b_2_6_and_keeps_its_base():
    request = request_of(path="/foo?param=Value&Pet=dog", headers=B_2_6)
    keys = {"test-key-ed25519": SigningKey(plain_key(PEM), None)}

    (result,) = Verifier(keys).verify(signatures._Message(request), max_age=None)
    evidence = signatures.evidence_of(result, headers=request.headers, keys=keys)

    assert evidence.base == B_2_6_BASE
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(evidence.public_key))
    public.verify(base64.b64decode(evidence.signature), evidence.base.encode())


def test_it_does_not_take_what_rfc_9421_b_2_6_covers_for_enough(monkeypatch):
    monkeypatch.setattr(signatures, "SIGNATURE_AGE_SECONDS_LIMIT", 10**9)
    keys = {"test-key-ed25519": SigningKey(plain_key(PEM), None)}

    assert refusal(request_of(path="/foo?param=Value&Pet=dog", headers=B_2_6), keys) == "signature_incomplete"


@pytest.mark.parametrize(
    ("body", "digest", "fits"),
    [
        (BODY, DIGEST, True),
        (BODY, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:", True),
        # RFC 9530, appendix B: the same object, followed by a line feed.
        (BODY + b"\n", "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", True),
        (
            BODY + b"\n",
            "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:",
            True,
        ),
        (b"", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", True),
        (BODY + b"\n", DIGEST, False),
        (BODY, "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", False),
        (BODY, "md5=:Sd/dVLAcvNLSq16eXua5uQ==:", False),
        (BODY, "sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=", False),
        (BODY, "", False),
        (BODY, "sha-256=:" + "A" * 10_000 + ":", False),
    ],
)
def test_it_compares_a_body_with_its_digest(body, digest, fits):
    request = request_of(body=body, headers={"Content-Digest": digest})

    if fits:
        check_content(request=request, body=body)
    else:
        with pytest.raises(SignatureRefused) as refused:
            check_content(request=request, body=body)
        assert refused.value.get_codes() == "digest_mismatch"


# --- what is signed ------------------------------------------------------------------------------------------------


def test_it_accepts_what_a_client_signed_and_keeps_the_proof(signer, keys):
    request = request_of(headers=signer.headers("POST", PATH, BODY))

    evidence = check_head(request=request, keys=keys, required=True)

    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(evidence.public_key))
    public.verify(base64.b64decode(evidence.signature), evidence.base.encode())
    assert evidence.base.startswith(f'"@method": POST\n"@path": {PATH}\n"content-digest": sha-256=:')


@pytest.mark.parametrize("left_out", COVERED)
def test_it_refuses_a_signature_that_leaves_something_out(signer, keys, left_out):
    covered = tuple(name for name in COVERED if name != left_out)
    request = request_of(headers=signer.headers("POST", PATH, BODY, covered=covered))

    assert refusal(request, keys) == "signature_incomplete"


def test_the_query_must_be_covered_where_there_is_one(signer, keys):
    path = f"{PATH}?order=asc"
    covered = ("@method", "@path")
    without = signer.headers("GET", path, covered=covered)
    with_it = signer.headers("GET", path, covered=(*covered, "@query"), key="k")
    del without["Idempotency-Key"], with_it["Idempotency-Key"]

    assert refusal(request_of("GET", path, b"", without), keys) == "signature_incomplete"
    assert check_head(request=request_of("GET", path, b"", with_it), keys=keys, required=True)
    # A query that is added on the way is not covered either.
    bare = signer.headers("GET", PATH, covered=covered)
    del bare["Idempotency-Key"]
    assert refusal(request_of("GET", path, b"", bare), keys) == "signature_incomplete"


def test_parts_of_a_component_are_not_the_component(signer, keys):
    covered = ("@method", "@path", '"content-digest";key="sha-256"', "idempotency-key")
    request = request_of(headers=signer.headers("POST", PATH, BODY, covered=covered))

    assert refusal(request, keys) == "signature_incomplete"


@pytest.mark.parametrize(
    ("method", "path", "changed"),
    [
        ("PATCH", PATH, {}),
        ("POST", "/api/v1/batches", {}),
        ("POST", PATH, {"Idempotency-Key": "another"}),
        ("POST", PATH, {"Content-Digest": DIGEST}),
        ("POST", PATH, {"Signature": "sig=:" + base64.b64encode(bytes(64)).decode() + ":"}),
        ("POST", PATH, {"Signature": "sig=:AAAA:"}),
        ("POST", PATH, {"Signature": "other=:" + base64.b64encode(bytes(64)).decode() + ":"}),
        ("POST", PATH, {"Signature": "nonsense"}),
        ("POST", PATH, {"Signature": 'sig="text"'}),
        ("POST", PATH, {"Signature": "sig=:" + "A" * 10_000 + ":"}),
        ("POST", PATH, {"Signature-Input": "sig=()"}),
        ("POST", PATH, {"Signature-Input": 'sig=("@method");created=1;created=2;keyid="first"'}),
        ("POST", PATH, {"Signature-Input": 'sig=("@nonsense");created=1618884473;keyid="first"'}),
        ("POST", PATH, {"Signature-Input": 'sig=("@method");created="now";keyid="first"'}),
        ("POST", PATH, {"Signature-Input": 'sig=("@method");keyid="first"'}),
        ("POST", PATH, {"Signature-Input": "\xff\xfe"}),
    ],
)
def test_it_refuses_a_request_that_was_changed_on_the_way(signer, keys, method, path, changed):
    request = request_of(method, path, headers={**signer.headers("POST", PATH, BODY), **changed})

    assert refusal(request, keys) in {"signature_invalid", "signature_expired"}


def test_it_refuses_a_second_signature_beside_the_first(signer, keys):
    one, other = signer.headers("POST", PATH, BODY), Signer().headers("POST", PATH, BODY)
    both = {name: f"{one[name]}, {other[name].replace('sig=', 'second=')}" for name in ("Signature", "Signature-Input")}

    assert refusal(request_of(headers={**one, **both}), keys) == "signature_invalid"


@pytest.mark.parametrize(
    ("age", "expires", "code"),
    [
        (SIGNATURE_AGE_SECONDS_LIMIT - 20, None, None),
        (-SIGNATURE_AHEAD_SECONDS_LIMIT + 10, None, None),
        (0, 60, None),
        (SIGNATURE_AGE_SECONDS_LIMIT + SIGNATURE_AHEAD_SECONDS_LIMIT + 20, None, "signature_expired"),
        (-SIGNATURE_AHEAD_SECONDS_LIMIT - 20, None, "signature_expired"),
        (100, -SIGNATURE_AHEAD_SECONDS_LIMIT - 20, "signature_expired"),
    ],
)
def test_a_signature_has_its_time(signer, keys, age, expires, code):
    request = request_of(headers=signer.headers("POST", PATH, BODY, age=age, expires=expires))

    if code is None:
        assert check_head(request=request, keys=keys, required=True)
    else:
        assert refusal(request, keys) == code


def test_it_knows_live_keys_of_this_client_alone(signer):
    request = request_of(headers=signer.headers("POST", PATH, BODY))
    ended = SigningKey(signer.public_key, timezone.now())
    stranger = SigningKey(Signer().public_key, None)

    assert refusal(request, {"first": ended}) == "signature_key_unknown"
    assert refusal(request, {"second": SigningKey(signer.public_key, None)}) == "signature_key_unknown"
    assert refusal(request, {}, required=True) == "signature_key_unknown"
    assert refusal(request, {"first": stranger}) == "signature_invalid"


def test_what_need_not_be_signed_passes_and_what_must_does_not(signer, keys):
    plain, foreign = request_of(), request_of(headers=signer.headers("POST", PATH, BODY))

    assert check_head(request=plain, keys=keys, required=False) is None
    assert check_head(request=foreign, keys={}, required=False) is None  # a proxy's own
    assert refusal(plain, keys, required=True) == "signature_required"


# --- keys ----------------------------------------------------------------------------------------------------------


def register(actor, key_id, public_key, **more):
    return register_key(client_id=actor.client_id, key_id=key_id, public_key=public_key, now=timezone.now(), **more)


def test_a_key_is_registered_as_pem_or_base64_and_revoked_for_ever(shop, signer):
    first = register(shop, "first", PEM)
    second = register(shop, "second", f" {signer.public_key}\n")
    revoke_key(client_id=shop.client_id, key_id="first", now=timezone.now())

    assert (first.public_key, second.public_key) == (PEM.splitlines()[1][16:], signer.public_key)
    assert [
        key.revoked_at is None for key in ClientKey.objects.filter(client__client_id=shop.client_id).order_by("id")
    ] == [
        False,
        True,
    ]
    with pytest.raises(ClientRefused, match="has no live key first"):
        revoke_key(client_id=shop.client_id, key_id="first", now=timezone.now())
    with pytest.raises(ClientRefused, match="had a key first before"):
        register(shop, "first", PEM)


@pytest.mark.parametrize(
    ("key_id", "public_key", "sentence"),
    [
        ("a b", PEM, "A key id has letters, digits and . _ : - only."),
        ("", PEM, "This field cannot be blank."),
        ("x" * 65, PEM, "Ensure this value has at most 64 characters"),
        ("a", "", "This is not an Ed25519 public key"),
        ("a", "AAAA", "This is not an Ed25519 public key"),
        ("a", PEM.replace("MCow", "MDow"), "This is not an Ed25519 public key"),
        ("a", PEM.replace("PUBLIC", "PRIVATE"), "This is not an Ed25519 public key"),
    ],
)
def test_it_refuses_what_is_no_key(shop, key_id, public_key, sentence):
    with pytest.raises(ClientRefused, match=sentence):
        register(shop, key_id, public_key)


def test_a_client_has_a_bounded_number_of_keys(shop):
    for number in range(CLIENT_KEYS_LIMIT):
        register(shop, f"k{number}", Signer().public_key)

    with pytest.raises(ClientRefused, match="at most 10 keys"):
        register(shop, "one-more", Signer().public_key)


# --- large bodies --------------------------------------------------------------------------------------------------


def read_all(body, digest):
    request = request_of(body=b"", headers={} if digest is None else {"Content-Digest": digest})
    stream = checked_stream(request=request, stream=io.BytesIO(body))
    parts = []
    while part := stream.read(5):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("digest", [None, DIGEST, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"])
def test_a_stream_is_read_to_its_end(digest):
    assert read_all(BODY, digest) == BODY


@pytest.mark.parametrize("digest", [DIGEST, "md5=:AAAA:", "nonsense", "", "sha-256=1", "sha-256=:" + "A" * 9_000 + ":"])
def test_a_stream_of_another_body_does_not_end_well(digest):
    with pytest.raises(SignatureRefused) as refused:
        read_all(BODY + b"!", digest)

    assert refused.value.get_codes() == "digest_mismatch"
