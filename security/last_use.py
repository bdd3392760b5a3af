"""When a client last used its credential: known to the minute, and never at the cost of a busy request.

Only who has just read the client from the table anyway comes here: a token request, or the first call with a token in
TOKEN_CACHE_SECONDS. Between two writes lies LAST_USED_SECONDS at least, whatever the number of processes.
"""

from datetime import datetime, timedelta

from django.db import connection

from metrics.repository import observed
from security.limits import LAST_USED_SECONDS

# A client that is being changed is skipped: the next request comes soon enough.
_NOTE = """
    UPDATE security_client SET last_used_at = %(now)s WHERE id = (
      SELECT id FROM security_client WHERE id = %(client)s AND (last_used_at IS NULL OR last_used_at <= %(before)s)
      FOR NO KEY UPDATE SKIP LOCKED)
"""


@observed(repository="clients")
def note_use(*, client_pk: int, last_used_at: datetime | None, now: datetime) -> None:
    """Note that a client calls, unless that was noted within LAST_USED_SECONDS."""
    before = now - timedelta(seconds=LAST_USED_SECONDS)
    if last_used_at is None or last_used_at <= before:
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, {"now": now, "client": client_pk, "before": before})
