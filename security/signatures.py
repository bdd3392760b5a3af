"""Signed requests: HTTP Message Signatures (RFC 9421) with Ed25519, for clients that registered a public key.

Two halves. While a request is authenticated, its head is checked: the signature, its key, its age, and that it covers what
decides about the request (`needed_components`). The body comes later, and whoever reads it checks it against the covered
Content-Digest (RFC 9530) with `check_content`. What then remains is evidence: text, key and signature, stored with the
message, so that anybody can check years later that the holder of the key asked for just this.

A signed request that is sent again within the window is not found here, and does no harm: a posting has its idempotency key,
which the signature covers, and the token is needed as well.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

import http_sf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.http import HttpRequest
from django.utils import timezone
from django.utils.encoding import escape_uri_path
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    VerifyResult,
)
from http_message_signatures.algorithms import ED25519
from rest_framework.exceptions import APIException

from security.limits import (
    SIGNATURE_AGE_SECONDS_LIMIT,
    SIGNATURE_AHEAD_SECONDS_LIMIT,
    SIGNATURE_BASE_CHARS_LIMIT,
    SIGNATURE_HEADER_CHARS_LIMIT,
)
from security.scopes import REALM

_WITHOUT_BODY = {"GET", "HEAD"}
_HEADERS = ("Signature", "Signature-Input", "Content-Digest")


class Readable(Protocol):
    """What a body is read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, none at the end."""


class SignatureRefused(APIException):
    """401: the request is not signed as it must be; `code` says in which way. The token itself is not what is wrong."""

    status_code = 401
    auth_header = f'Bearer realm="{REALM}"'

    def __init__(self, code: str) -> None:
        super().__init__(_SENTENCES[code], code=code)


_SENTENCES = {
    "signature_required": "This client must sign its requests (RFC 9421, Ed25519).",
    "signature_invalid": "The signature is malformed, or does not fit the request.",
    "signature_key_unknown": "The client has no such key, or it has ended.",
    "signature_expired": f"A signature is made within the last {SIGNATURE_AGE_SECONDS_LIMIT} seconds.",
    "signature_incomplete": "The signature does not cover all that it must: @method, @path, @query where there is one,"
    " content-digest unless the method is GET, and idempotency-key where there is one.",
    "digest_mismatch": "The body is not the one that Content-Digest names, in sha-256 or sha-512.",
}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key of a client, as 32 bytes in base64, and when it ends."""

    public_key: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves who signed a request: the key, the text that was signed, and the signature."""

    key_id: str
    public_key: str
    base: str
    signature: str

    def text(self, *, batch: str | None = None) -> str:
        """The form in which it is stored with a message and shown in its lineage: JSON.

        `batch` is the SHA-256 of the whole body, in hex, where the message is a part of it (security.signed_bodies).
        """
        return json.dumps(
            {
                **({} if batch is None else {"batch": batch}),
                "algorithm": ED25519.algorithm_id,
                "key_id": self.key_id,
                "public_key": self.public_key,
                "signature_base": self.base,
                "signature": self.signature,
            },
            separators=(",", ":"),
        )


def check_head(*, request: HttpRequest, keys: Mapping[str, SigningKey], required: bool) -> Evidence | None:
    """Return the evidence of a signed request; None for one that is not signed and need not be. Raises SignatureRefused.

    The signature of a client without keys is not looked at: a proxy on the way may have made it for itself.
    """
    signed = "HTTP_SIGNATURE" in request.META or "HTTP_SIGNATURE_INPUT" in request.META
    if required and not signed:
        raise SignatureRefused("signature_required")
    if not signed or not (keys or required):
        return None
    headers = request.headers
    if any(len(headers.get(name, "")) > SIGNATURE_HEADER_CHARS_LIMIT for name in _HEADERS):
        raise SignatureRefused("signature_invalid")
    try:
        (result,) = Verifier(keys).verify(_Message(request), max_age=timedelta(seconds=SIGNATURE_AGE_SECONDS_LIMIT))
    except _Refused as refused:
        raise SignatureRefused(str(refused)) from refused
    except HTTPMessageSignaturesException as error:
        raise SignatureRefused("signature_invalid") from error
    if not needed_components(request) <= result.covered_components.keys():
        raise SignatureRefused("signature_incomplete")
    return evidence_of(result, headers=headers, keys=keys)


def check_content(*, request: HttpRequest, body: bytes) -> None:
    """Compare the body with Content-Digest where there is one, signed or not. Raises SignatureRefused.

    Whoever reads the body of a request calls this with all of it.
    """
    digest = request.META.get("HTTP_CONTENT_DIGEST")
    if digest is None:
        return
    if len(digest) > SIGNATURE_HEADER_CHARS_LIMIT:
        raise SignatureRefused("digest_mismatch")
    try:
        ContentDigest.verify(digest, body)
    except HTTPMessageSignaturesException as error:
        raise SignatureRefused("digest_mismatch") from error


def checked_stream(*, request: HttpRequest, stream: Readable) -> Readable:
    """Return the body of a request as a stream that is checked against Content-Digest where it ends; for large bodies.

    What was read before counts only when the end was read without SignatureRefused.
    """
    digest = request.META.get("HTTP_CONTENT_DIGEST")
    return stream if digest is None else _CheckedStream(stream, digest)


def needed_components(request: HttpRequest) -> set[str]:
    """What a signature must cover, as the signature base names it: what decides about the effect of the request."""
    needed = {'"@method"', '"@path"'}
    if request.META.get("QUERY_STRING"):
        needed.add('"@query"')
    if request.method not in _WITHOUT_BODY:
        needed.add('"content-digest"')
    if "Idempotency-Key" in request.headers:
        needed.add('"idempotency-key"')
    return needed


def evidence_of(result: VerifyResult, *, headers: Mapping[str, str], keys: Mapping[str, SigningKey]) -> Evidence:
    """Return the evidence of a signature that was verified. Raises SignatureRefused if it is too large to be kept."""
    base = "\n".join(f"{name}: {value}" for name, value in result.covered_components.items())
    if len(base) > SIGNATURE_BASE_CHARS_LIMIT:
        raise SignatureRefused("signature_invalid")
    key_id = str(result.parameters["keyid"])
    _, _, signature = headers["Signature"].partition(":")
    return Evidence(key_id, keys[key_id].public_key, base, signature.partition(":")[0])


class _CheckedStream:
    """A body that is hashed while it is read, and compared at its end."""

    def __init__(self, stream: Readable, digest: str) -> None:
        self._stream = stream
        self._hashes = {"sha-256": hashlib.sha256(), "sha-512": hashlib.sha512()}
        try:
            parsed = http_sf.parse(digest[:SIGNATURE_HEADER_CHARS_LIMIT].encode(), tltype="dictionary")
            self._expected = {name: bytes(value) for name, (value, _) in cast(dict[str, Any], parsed).items()}
        except (ValueError, TypeError) as error:
            raise SignatureRefused("digest_mismatch") from error
        if not self._expected or not self._expected.keys() <= self._hashes.keys():
            raise SignatureRefused("digest_mismatch")

    def read(self, size: int, /) -> bytes:
        """Read on. Raises SignatureRefused at the end of a body that is another one."""
        data = self._stream.read(size)
        for found in self._hashes.values():
            found.update(data)
        if not data and any(self._hashes[name].digest() != value for name, value in self._expected.items()):
            raise SignatureRefused("digest_mismatch")
        return data


class _Refused(InvalidSignature):
    """A refusal of ours, on its way through the library; its text is the code."""


class _Keys(HTTPSignatureKeyResolver):
    """The live keys of one client."""

    def __init__(self, keys: Mapping[str, SigningKey]) -> None:
        self._keys = keys

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        """Return the key of this name. Raises _Refused."""
        key = self._keys.get(key_id)
        if key is None or (key.expires_at is not None and key.expires_at <= timezone.now()):
            raise _Refused("signature_key_unknown")
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public_key))


class Verifier(HTTPMessageVerifier):
    """The library's verifier for Ed25519 and the keys of one client; a signature must say when it was made."""

    max_clock_skew = timedelta(seconds=SIGNATURE_AHEAD_SECONDS_LIMIT)

    def __init__(self, keys: Mapping[str, SigningKey]) -> None:
        super().__init__(signature_algorithm=ED25519, key_resolver=_Keys(keys))

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Tell an age that is wrong from what is malformed."""
        if not all(type(sig_input.params.get(name, 0)) is int for name in ("created", "expires")):
            raise InvalidSignature("A moment is a whole number.")
        if "created" not in sig_input.params:
            raise InvalidSignature("It does not say when it was made.")
        try:
            super().validate_created_and_expires(sig_input, max_age=max_age)  # type: ignore[no-untyped-call]
        except InvalidSignature as error:
            raise _Refused("signature_expired") from error


class _Message:
    """A request as the library wants it: its path is normalized (RFC 9110, section 4.2.3), its query is as it was sent."""

    def __init__(self, request: HttpRequest) -> None:
        query = request.META.get("QUERY_STRING", "")
        host = request.META.get("HTTP_HOST") or "localhost"
        self.method = request.method
        self.url = f"{request.scheme}://{host}{escape_uri_path(request.path)}{'?' if query else ''}{query}"
        self.headers = request.headers
