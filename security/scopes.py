"""Scopes: which exist (settings), and which of them a client may ask for.

The toolkit's own backend lets every client ask for every scope. This one hands out the scopes that were granted to the
client and that still exist, never more; a request for another one ends in `invalid_scope`.
"""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from oauth2_provider.scopes import BaseScopes
from oauth2_provider.settings import oauth2_settings

# What a client is asked to authenticate for, in challenges.
REALM = "billing"


class ClientScopes(BaseScopes):  # type: ignore[misc] # the toolkit has no types
    """The toolkit's scopes backend: what a client may ask for is what it gets when it asks for nothing."""

    def get_all_scopes(self) -> dict[str, str]:
        """Every scope that exists, with its description."""
        return known_scopes()

    def get_available_scopes(self, application: Any = None, *_args: Any, **_kwargs: Any) -> list[str]:
        """What this client may ask for; nothing if there is no client."""
        if application is None:
            return []
        return sorted(granted_scopes(allowed=application.allowed_scopes))

    def get_default_scopes(self, application: Any = None, *_args: Any, **_kwargs: Any) -> list[str]:
        """What this client gets when it names no scope: all that it may have."""
        return self.get_available_scopes(application)


def known_scopes() -> dict[str, str]:
    """Every scope that exists, with its description, from settings.OAUTH2_PROVIDER."""
    scopes: dict[str, str] = oauth2_settings.SCOPES
    return scopes


def granted_scopes(*, allowed: str) -> frozenset[str]:
    """The scopes in a space-separated list that exist: one that was taken out of the settings is gone for everyone."""
    return frozenset(allowed.split()) & known_scopes().keys()


def scope_list(*, scopes: Iterable[str]) -> str:
    """The one way a list of scopes is written down: sorted, without repeats, separated by one space."""
    return " ".join(sorted(set(scopes)))


def validate_scopes(value: str) -> None:
    """Refuse a space-separated list that names no scope, or one that does not exist."""
    unknown = sorted(set(value.split()) - known_scopes().keys())
    if unknown:
        raise ValidationError(
            f"There is no scope {', '.join(unknown)}. The scopes are: {', '.join(sorted(known_scopes()))}.",
            code="unknown_scope",
        )
    if not value.split():
        raise ValidationError("A client needs at least one scope.", code="no_scope")


def scope_needed(view: object, method: str | None) -> str | None:
    """The scope that a view declares for a method (HEAD counts as GET); None where it declares none."""
    required: dict[str, str] = getattr(view, "required_scopes", {})
    return required.get("GET" if method == "HEAD" else method or "")
