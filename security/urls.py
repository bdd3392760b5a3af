"""Routes of the security app; billing_project.urls includes them at the root."""

from django.urls import path

from security.api import IntrospectionEndpoint, RevocationEndpoint, TokenEndpoint, authorization_server_metadata

urlpatterns = [
    path("oauth/token/", TokenEndpoint.as_view(), name="oauth-token"),
    path("oauth/revoke_token/", RevocationEndpoint.as_view(), name="oauth-revoke-token"),
    path("oauth/introspect/", IntrospectionEndpoint.as_view(), name="oauth-introspect"),
    path(
        ".well-known/oauth-authorization-server",
        authorization_server_metadata,
        name="oauth-authorization-server-metadata",
    ),
]
