"""Heads on their way to others: cosigned by witnesses, posted to addresses. Apart from sealing, which nobody may hold up.

Only the newest head is given out: it covers all before it. Nothing is lost by a failure, the next head is given out again.
"""

import logging
import time
from collections.abc import Callable
from functools import partial

import httpx
from django.conf import settings
from django.db import connection

from accounts.models import Book
from ledger.limits import DISTRIBUTION_PAUSE_SECONDS, HEAD_POST_SECONDS_MAX
from ledger.models import SealCheckpoint, SealCosignature, SealPublication
from ledger.posting import execute
from ledger.sealing import chain, notes, publication, signing, tree, witnessing
from ledger.sealing.notes import Verifier
from ledger.sealing.witnessing import WitnessAway, WitnessContradicts
from metrics.instruments import count_contradiction
from metrics.repository import observed

logger = logging.getLogger(__name__)
_LOCK = "SELECT pg_try_advisory_lock(4, 0)"
_UNLOCK = "SELECT pg_advisory_unlock(4, 0)"
_COSIGNED = "SELECT public.ledger_seal_cosignature_v1(%b::int, %b::bigint, %b::text, %b::text)"
_PUBLISHED = "SELECT public.ledger_seal_publication_v1(%b::int, %b::bigint, %b::text)"
# What a witness remembers of this incarnation, as far as we know; an origin is one chain to it.
_REMEMBERED = """
    SELECT c.size FROM public.ledger_seal_cosignature c JOIN public.ledger_seal_checkpoint k USING (book_id, size)
    WHERE c.book_id = %s AND c.witness = %s AND k.incarnation = %s ORDER BY c.size DESC LIMIT 1
"""
# Until when somebody who was away is left alone, by name. A hint: another process may ask once more.
_paused: dict[str, float] = {}


@observed(repository="publications")
def run() -> None:
    """Give out the newest head of every book that somebody does not have yet. Of several processes one works."""
    if not (settings.SEAL_WITNESSES or settings.SEAL_POST_URLS) or not execute(_LOCK, ())[0]:
        return
    try:
        for book in Book.objects.order_by("id"):
            distribute(book=book)
    finally:
        execute(_UNLOCK, ())


@observed(repository="publications")
def distribute(*, book: Book) -> None:
    """Give out the newest head of one book to each witness and each address that does not have it."""
    head = publication.newest_checkpoint(book_id=book.id)
    if head is None:
        return
    for witness, url in signing.witnesses():
        if not SealCosignature.objects.filter(book_id=book.id, size=head.size, witness=witness.name).exists():
            _unless_paused(url, partial(_ask, book, head, witness, url))
    for url in settings.SEAL_POST_URLS:
        if not SealPublication.objects.filter(book_id=book.id, size=head.size, sink=f"post:{url}").exists():
            _unless_paused(url, partial(_post, book, head, url))


def _unless_paused(name: str, give: Callable[[], None]) -> None:
    if time.monotonic() < _paused.get(name, 0.0):
        return
    try:
        give()
    except (WitnessAway, httpx.HTTPError, httpx.InvalidURL) as error:
        _paused[name] = time.monotonic() + DISTRIBUTION_PAUSE_SECONDS
        logger.warning("%s does not have the newest head: %s", name, error)
    except WitnessContradicts:
        _paused[name] = time.monotonic() + DISTRIBUTION_PAUSE_SECONDS
        count_contradiction()
        logger.exception("ALARM: the chain was cut, restored or rewritten.")


def _ask(book: Book, head: SealCheckpoint, witness: Verifier, url: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBERED, (book.id, witness.name, head.incarnation))
        row = cursor.fetchone()
    read = chain.node_hashes(book_id=book.id)
    cosignature = witnessing.cosign(
        url=url,
        witness=witness,
        note=notes.parse(head.note),
        old_size=row[0] if row else 0,
        prove=lambda old, new: tree.consistency_proof(old, new, read),
    )
    execute(_COSIGNED, (book.id, head.size, witness.name, cosignature.line))


def _post(book: Book, head: SealCheckpoint, url: str) -> None:
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    answer = httpx.post(
        url, content=head.note.encode(), headers=headers, timeout=HEAD_POST_SECONDS_MAX, trust_env=False
    )
    answer.raise_for_status()
    execute(_PUBLISHED, (book.id, head.size, f"post:{url}"))
