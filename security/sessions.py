"""Sessions of the administration, in the table StaffSession (the SESSION_ENGINE of the settings).

Like Django's database sessions, with two differences: the table holds the digest of a session's key, so reading the table lets
nobody in; and each row names its person, so that one or all of a person's sessions can be listed and ended.
"""

import hashlib
from datetime import datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from metrics.repository import observed
from security.limits import BROWSER_CHARS_LIMIT
from security.staff_models import StaffSession

# Where the log-in leaves what the table tells of the browser: address or None, browser, moment (ISO 8601).
ORIGIN = "_origin"


class SessionStore(DatabaseStore):
    """Django's store over our table, by digests of keys."""

    @classmethod
    def get_model_class(cls) -> Any:
        """Our table."""
        return StaffSession

    def _get_session_from_db(self) -> Any:
        key, self._session_key = self._session_key, digest_of(self._session_key or "")
        row = super()._get_session_from_db()  # type: ignore[misc]
        self._session_key = key if row is not None else None
        return row

    def exists(self, session_key: str) -> bool:
        """Whether there is a session of this key."""
        return super().exists(digest_of(session_key))

    def delete(self, session_key: str | None = None) -> None:
        """End the session."""
        key = session_key or self.session_key
        if key is not None:
            super().delete(digest_of(key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        """The row, with the person and the browser."""
        origin = data.get(ORIGIN, (None, "", None))
        row: Any = super().create_model_instance(data)
        row.session_key = digest_of(row.session_key)
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.address, row.browser = origin[0], origin[1][:BROWSER_CHARS_LIMIT]
        row.created_at = datetime.fromisoformat(origin[2]) if origin[2] else None
        return row


def digest_of(session_key: str) -> str:
    """What the table holds of a session's key, which has 160 random bits."""
    return hashlib.sha256(session_key.encode()).hexdigest()


@observed(repository="staff")
def end_sessions(*, user_id: int, except_key: str | None = None) -> int:
    """End all sessions of a person, but the one of `except_key`; return how many. They are over with their next request."""
    rows = StaffSession.objects.filter(user_id=user_id)
    if except_key is not None:
        rows = rows.exclude(session_key=digest_of(except_key))
    return rows.delete()[0]
