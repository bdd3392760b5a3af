"""The bodies of signed batches: what was signed is the whole, so the whole is kept, once, under its SHA-256.

It is kept before the first of its operations is posted; one whose batch came to nothing stays behind and proves nothing.
"""

import hashlib

from django.db import connection

from metrics.repository import observed
from security.models import SignedBody

_KEEP = "SELECT public.security_keep_body_v1(%s::bytea)"


@observed(repository="signed_bodies")
def keep_body(*, body: bytes) -> str:
    """Keep the body of a signed batch, as it was received; return its SHA-256 in hex. Harmless to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [body])
    return hashlib.sha256(body).hexdigest()


@observed(repository="signed_bodies")
def kept_body(*, digest: str) -> bytes | None:
    """Return the body with this SHA-256, in hex; None where none is kept."""
    found = SignedBody.objects.filter(digest=bytes.fromhex(digest)).values_list("body", flat=True).first()
    return None if found is None else bytes(found)
