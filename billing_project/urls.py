"""All routes of the service."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from billing_project.api_schema import DocsView, SchemaView
from billing_project.dashboard import tile_page
from billing_project.find import find_page
from billing_project.health import livez, readyz
from billing_project.private_urls import urlpatterns as private_routes
from billing_project.scrape import scrape
from ledger.api.auditing import seal_policy, verifier
from ledger.api.urls import urlpatterns as ledger_routes
from massops.api.urls import urlpatterns as massops_routes

handler400 = "billing_project.api_errors.bad_request"
handler404 = "billing_project.api_errors.not_found"
handler500 = "billing_project.api_errors.server_error"

# Routes are tried one by one, so those of the busiest calls come first.
urlpatterns = [
    path("api/v1/", include(ledger_routes)),
    path("api/v1/books/<slug:book>/", include((ledger_routes, "book"))),
    path("", RedirectView.as_view(url="/admin/")),
    path("", include("security.urls")),
    path("admin/find/", find_page, name="admin_find"),
    path("admin/tiles/<slug:name>/", tile_page, name="admin_tile"),
    path("admin/", admin.site.urls),
    path("api/v1/", include(massops_routes)),
    path("api/v1/books/<slug:book>/", include((massops_routes, "book_massops"))),
    path("api/private/v1/", include(private_routes)),
    path("api/schema", SchemaView.as_view(), name="schema"),
    path("api/docs", DocsView.as_view(), name="docs"),
    path(".well-known/ledger-seal", seal_policy, name="seal-policy"),
    path("verify_receipt.py", verifier, name="verify-receipt"),
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("metrics", scrape, name="metrics"),
]
