"""What a stranger fetches without a token: the policy with the public keys, and the verifier, byte for byte."""

import hashlib
from pathlib import Path

import pytest

from ledger.sealing import signing, verify_receipt
from ledger.sealing.notes import Verifier


def test_the_policy_names_the_keys_and_the_verifier(client):
    policy = client.get("/.well-known/ledger-seal").json()

    assert policy["keys"] == signing.public_keys()
    assert all(Verifier.parse(key) for key in policy["keys"])
    assert policy["origin"] == "localhost/BOOK/INCARNATION"
    assert policy["checkpoint_seconds_max"] == 600
    served = client.get(policy["verifier"]["url"])
    assert hashlib.sha256(served.content).hexdigest() == policy["verifier"]["sha256"]


def test_the_verifier_is_served_as_it_is(client):
    served = client.get("/verify_receipt.py")

    assert served.content == Path(verify_receipt.__file__).read_bytes()
    assert served["Content-Disposition"] == 'attachment; filename="verify_receipt.py"'


@pytest.mark.parametrize("path", ["/.well-known/ledger-seal", "/verify_receipt.py"])
def test_they_are_for_reading(client, path):
    assert client.post(path).status_code == 405
    assert "PRIVATE" not in client.get("/.well-known/ledger-seal").content.decode()
