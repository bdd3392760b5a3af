"""What a stranger needs to check receipts: the public keys with their policy, and the verifier itself. Open to everybody."""

import hashlib
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from ledger.limits import HEARTBEAT_SECONDS
from ledger.sealing import signing, verify_receipt

_FORMATS = {
    "tree": "RFC 6962 and RFC 9162, SHA-256",
    "checkpoint": "c2sp.org/tlog-checkpoint",
    "signature": "c2sp.org/signed-note, Ed25519",
    "cosignature": "c2sp.org/tlog-cosignature, cosignature/v1",
    "receipt": "c2sp.org/tlog-proof@v1, the record as extra data",
    "export": "c2sp.org/tlog-tiles",
    "record": "RFC 8785 JSON of texts, version 1",
}


@require_safe
def seal_policy(request: HttpRequest) -> HttpResponse:
    """Tell the keys that sign checkpoints, what chains are called, and how often an idle chain still shows that it lives.

    Whoever relies on a key compares it with one that came another way: a page of this service is no proof of this service.
    """
    policy = {
        "origin": f"{settings.SEAL_ORIGIN}/BOOK/INCARNATION",
        "keys": signing.public_keys(),
        "retired_keys": list(settings.SEAL_RETIRED_KEYS),
        "witnesses": [witness.vkey for witness, _ in signing.witnesses()],
        "checkpoint_seconds_max": HEARTBEAT_SECONDS,
        "formats": _FORMATS,
        "verifier": {
            "url": request.build_absolute_uri(reverse("verify-receipt")),
            "sha256": hashlib.sha256(_verifier()).hexdigest(),
        },
    }
    return JsonResponse(policy, json_dumps_params={"indent": 2})


@require_safe
def verifier(_request: HttpRequest) -> HttpResponse:
    """Serve the verifier, one file."""
    headers = {"Content-Disposition": 'attachment; filename="verify_receipt.py"'}
    return HttpResponse(_verifier(), content_type="text/x-python; charset=utf-8", headers=headers)


@cache
def _verifier() -> bytes:
    return Path(verify_receipt.__file__).read_bytes()
