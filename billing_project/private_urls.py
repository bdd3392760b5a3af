"""Routes of the private API, included below /api/private/v1/."""

from django.urls import path

from billing_project.private_api import MetricsView, RepositoriesView

urlpatterns = [
    path("metrics", MetricsView.as_view(), name="private-metrics"),
    path("repositories", RepositoriesView.as_view(), name="private-repositories"),
]
