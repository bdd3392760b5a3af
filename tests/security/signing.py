"""A client's side of signed requests: Ed25519 over what a request is made of, by the library's signer."""

import base64
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import ContentDigest, HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ED25519

COVERED = ("@method", "@path", "content-digest", "idempotency-key")


class Signer:
    """One private key with its id."""

    def __init__(self, key_id: str = "first") -> None:
        self.key_id = key_id
        self.private = Ed25519PrivateKey.generate()
        resolver = MappingKeyResolver(public_keys={}, private_keys={key_id: self.private})
        self._signer = HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=resolver)

    @property
    def public_key(self) -> str:
        return base64.b64encode(self.private.public_key().public_bytes_raw()).decode()

    def headers(self, method, path, body=b"", *, key="k", covered=COVERED, age=0, expires=None, **more):
        """What the client sends on top: digest, key, and the signature over what is covered."""
        headers = {"Content-Digest": ContentDigest.create(body), "Idempotency-Key": key, **more}
        message = _Sent(method, f"http://testserver{path}", headers)
        now = datetime.now(UTC)
        self._signer.sign(
            message,
            key_id=self.key_id,
            created=now - timedelta(seconds=age),
            expires=None if expires is None else now + timedelta(seconds=expires),
            label="sig",
            covered_component_ids=covered,
            use_existing_digest=True,
        )
        return headers


class _Sent:
    def __init__(self, method, url, headers):
        self.method, self.url, self.headers = method, url, headers
