"""Authorization of the REST API: a view says which scope each of its methods needs, and nothing else opens it.

A method for which nothing is declared is refused, so forgetting the declaration closes a view and never opens it.
DRF imports this module while its own views module is loading (it is a default permission), so it cannot name APIView.
"""

from django.views import View
from rest_framework.exceptions import MethodNotAllowed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from security.authentication import REALM, Credential
from security.scopes import scope_needed


class InsufficientScope(PermissionDenied):
    """403 with the challenge of RFC 6750, section 3.1; the handler of DRF and ours send `auth_header`."""

    def __init__(self, *, scope: str) -> None:
        super().__init__(f"This call needs the scope {scope}.", code="insufficient_scope")
        self.auth_header = f'Bearer realm="{REALM}", error="insufficient_scope", scope="{scope}"'


class HasScope(BasePermission):
    """Reads `view.required_scopes`, a map from method to scope; HEAD counts as GET."""

    def has_permission(self, request: Request, view: View) -> bool:
        """True if the token has the scope; False without a token (DRF makes it 401); else it raises."""
        if not isinstance(request.auth, Credential):
            return False
        method = "GET" if request.method == "HEAD" else request.method or ""
        if not hasattr(view, method.lower()):
            # DRF asks for permission before it looks for the handler; without one there is nothing to protect.
            raise MethodNotAllowed(method)
        required = scope_needed(view, method)
        if required is None:
            raise PermissionDenied("No scope opens this call.", code="scope_not_declared")
        if required not in request.auth.scopes:
            raise InsufficientScope(scope=required)
        return True
