"""Signed requests over the API: what is signed is stored with the operation and can be proved; what is not signed is refused."""

import base64
import hashlib
import json

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import CommandError, call_command
from django.utils import timezone

from ledger import inbox
from ledger.models import Operation
from security.clients import Terms, change_client
from security.keys import register_key, revoke_key
from security.models import SignedBody
from tests.api.calls import Api, adds, refusal, unique
from tests.security.actors import new_actor
from tests.security.signing import Signer

SCOPES = "accounts:read operations:read operations:write"
BODY = b'{"entries": [{"account": "cash", "amount": "5.00"}]}'


@pytest.fixture
def signer():
    return Signer()


@pytest.fixture
def actor(signer):
    """A client that must sign."""
    actor = new_actor(name="signer", scopes=SCOPES)
    terms = Terms(signature_required=True)
    change_client(client_id=actor.client_id, name=actor.name, scopes=SCOPES.split(), terms=terms)
    register_key(client_id=actor.client_id, key_id=signer.key_id, public_key=signer.public_key, now=timezone.now())
    return actor


@pytest.fixture
def signed(actor, api):
    return Api(actor.token(), api.book)


def post(signed, signer, body=BODY, *, sent=None, path="/operations", key=None, **headers):
    key = key or unique("signed")
    own = signer.headers("POST", signed.root + path, body, key=key)
    return signed.call("POST", path, sent if sent is not None else body, headers={**own, **headers})


def proof_of(lineage):
    """Check the evidence of a lineage as a stranger would; return the text that was signed."""
    evidence = lineage["signature"]
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(evidence["public_key"]))
    public.verify(base64.b64decode(evidence["signature"]), evidence["signature_base"].encode())
    return evidence["signature_base"]


def test_what_was_signed_can_be_proved_from_the_lineage(signed, signer):
    operation = post(signed, signer, key="proof-1").json()
    path = f"/operations/{operation['id']}/lineage"
    own = signer.headers("GET", signed.root + path, covered=("@method", "@path"))
    del own["Idempotency-Key"]

    base = proof_of(signed.call("GET", path, headers=own).json())

    assert f'"@path": {signed.root}/operations' in base
    assert '"idempotency-key": proof-1' in base


def test_a_replay_is_harmless_and_answered_like_the_first_time(signed, signer, api):
    own = signer.headers("POST", signed.root + "/operations", BODY, key="again")
    with adds(api, operations=1, entries=1):
        first, second = (signed.call("POST", "/operations", BODY, headers=own) for _ in range(2))

    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"


def test_a_body_that_was_changed_is_refused_and_leaves_nothing(signed, signer, api):
    with adds(api):
        response = post(signed, signer, sent=BODY.replace(b"5.00", b"6.00"))
        empty = post(signed, signer, sent=b"")

    assert refusal(response) == refusal(empty) == (401, "digest_mismatch")
    assert response["WWW-Authenticate"] == 'Bearer realm="billing"'


def test_a_client_that_must_sign_and_does_not_is_refused_on_every_call(signed, api):
    with adds(api):
        for response in (signed.operate(("cash", "1")), signed.get("/accounts"), signed.get("/operations/1")):
            assert refusal(response) == (401, "signature_required")


def test_a_key_is_rotated_while_both_are_good(actor, signed, signer):
    second = Signer("second")
    register_key(client_id=actor.client_id, key_id="second", public_key=second.public_key, now=timezone.now())
    both = [post(signed, each).status_code for each in (signer, second)]
    revoke_key(client_id=actor.client_id, key_id="first", now=timezone.now())

    assert both == [201, 201]
    assert refusal(post(signed, signer)) == (401, "signature_key_unknown")
    assert post(signed, second).status_code == 201


def test_a_reversal_and_a_batch_are_signed_too(signed, signer, api):
    operation = post(signed, signer).json()["id"]
    reversal = post(signed, signer, b"", path=f"/operations/{operation}/reversal")
    batch = json.dumps({"operations": [{"key": unique("b"), **json.loads(BODY)}]}).encode()
    posted = post(signed, signer, batch, path="/batches").json()["results"][0]

    assert reversal.status_code == 201
    for id_ in (reversal.json()["id"], posted["id"]):
        proof_of(api.get(f"/operations/{id_}/lineage").json())


def batch_of(*amounts):
    items = [{"key": unique("item"), "entries": [{"account": "cash", "amount": amount}]} for amount in amounts]
    # Spaced in a way of its own: what was signed are these bytes, not what they mean.
    return json.dumps({"operations": items}, indent=3).encode()


def prove_item(lineage, body):
    """Prove an operation of a batch as a stranger would, from its lineage and the body of the whole batch."""
    base = proof_of(lineage)
    assert hashlib.sha256(body).hexdigest() == lineage["signature"]["batch"]
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert f'"content-digest": sha-256=:{digest}:' in base
    items = {item["key"]: item for item in json.loads(body)["operations"]}
    item = items[lineage["message"]["key"]]
    assert json.loads(lineage["message"]["body"])["entries"] == item["entries"]


@pytest.mark.parametrize("waits", [False, True], ids=["posted at once", "waited"])
def test_an_item_of_a_signed_batch_is_proved_from_the_kept_body(actor, signed, signer, api, tmp_path, waits):
    body = batch_of("1.00", "2.00", "3.00")
    prefer = {"Prefer": "respond-async"} if waits else {}
    assert post(signed, signer, body, path="/batches", **prefer).status_code == (202 if waits else 200)
    inbox.drain()

    for item in json.loads(body)["operations"]:
        operation = outcome_of(actor, api.book, item["key"])
        lineage = api.get(f"/operations/{operation}/lineage").json()
        call_command("signed_batch", api.book, str(operation), str(tmp_path / "batch.json"))

        assert (tmp_path / "batch.json").read_bytes() == body
        prove_item(lineage, (tmp_path / "batch.json").read_bytes())
        with pytest.raises(AssertionError):
            prove_item(lineage, body.replace(b"1.00", b"9.00"))


def outcome_of(actor, book, key):
    """The operation of a key of the signing client."""
    return Operation.objects.get(book__name=book, source_id=actor.source_id, key=key).id


def test_a_batch_is_kept_once_for_all_of_its_items_and_repetitions(signed, signer):
    body = batch_of("1.00", "2.00")
    own = signer.headers("POST", signed.root + "/batches", body)

    for _ in range(3):
        signed.call("POST", "/batches", body, headers=own)

    assert SignedBody.objects.filter(digest=hashlib.sha256(body).digest()).count() == 1


def test_the_body_of_a_batch_that_is_not_signed_is_not_kept(api):
    body = batch_of("1.00")
    api.call("POST", "/batches", body)

    assert not SignedBody.objects.filter(digest=hashlib.sha256(body).digest()).exists()


def test_a_malformed_batch_is_not_kept(signed, signer):
    body = b'{"operations": 1}'
    assert post(signed, signer, body, path="/batches").status_code == 400

    assert not SignedBody.objects.filter(digest=hashlib.sha256(body).digest()).exists()


def test_no_other_body_can_be_kept_under_a_digest(owner_connection):
    with pytest.raises(psycopg.errors.CheckViolation):
        owner_connection.execute("INSERT INTO security_signed_body (digest, body) VALUES (sha256('a'), 'b')")


@pytest.mark.parametrize("arguments", [("no-such-book", "1"), ("main", "1")])
def test_what_did_not_come_with_a_signed_batch_is_told_in_a_sentence(tmp_path, arguments):
    with pytest.raises(CommandError, match="There is no"):
        call_command("signed_batch", *arguments, str(tmp_path / "x"))


def test_a_single_operation_needs_no_kept_body(signed, signer, api, tmp_path):
    operation = post(signed, signer).json()["id"]

    assert "batch" not in api.get(f"/operations/{operation}/lineage").json()["signature"]
    with pytest.raises(CommandError, match="did not come with a signed batch"):
        call_command("signed_batch", api.book, str(operation), str(tmp_path / "x"))


def test_a_message_that_waits_keeps_its_proof(signed, signer, api):
    post(signed, signer, key="waits", Prefer="respond-async")
    inbox.drain()
    own = signer.headers("GET", f"{signed.root}/operations?key=waits", covered=("@method", "@path", "@query"))
    del own["Idempotency-Key"]

    (operation,) = signed.call("GET", "/operations", key="waits", headers=own).json()["results"]

    assert '"idempotency-key": waits' in proof_of(api.get(f"/operations/{operation['id']}/lineage").json())


def test_who_need_not_sign_may_send_a_digest_and_is_held_to_it(api):
    other = {"Content-Digest": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"}

    assert refusal(api.call("POST", "/operations", BODY, headers={**other, "Idempotency-Key": "d"})) == (
        401,
        "digest_mismatch",
    )
    assert api.get(f"/operations/{api.operate(('cash', '1')).json()['id']}/lineage").json()["signature"] is None


def test_a_path_with_other_letters_is_signed_as_it_is_sent(signed, signer, api):
    api.open("käse:größe")
    path = "/accounts/k%C3%A4se:gr%C3%B6%C3%9Fe"
    own = signer.headers("GET", signed.root + path, covered=("@method", "@path"))
    del own["Idempotency-Key"]

    assert signed.call("GET", path, headers=own).status_code == 200
