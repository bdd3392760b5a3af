"""Routes of mass operations, below /api/v1/ and below /api/v1/books/BOOK/."""

from django.urls import path

from massops.api.acts import CancelView, CheckView, DecisionView, PauseView, ResumeView, ReversalView
from massops.api.files import ErrorsView, ResultsView, TemplateView
from massops.api.mappings import MappingsView, MappingView
from massops.api.mass_operations import MassOperationsView, MassOperationView

urlpatterns = [
    path("mass-operations", MassOperationsView.as_view(), name="mass-operations"),
    path("mass-operations/template.csv", TemplateView.as_view(), name="mass-template"),
    path("mass-operations/mappings", MappingsView.as_view(), name="mass-mappings"),
    path("mass-operations/mappings/<str:mapping>", MappingView.as_view(), name="mass-mapping"),
    path("mass-operations/<str:mass_operation>", MassOperationView.as_view(), name="mass-operation"),
    path("mass-operations/<str:mass_operation>/errors.csv", ErrorsView.as_view(), name="mass-errors"),
    path("mass-operations/<str:mass_operation>/results.csv", ResultsView.as_view(), name="mass-results"),
    path("mass-operations/<str:mass_operation>/check", CheckView.as_view(), name="mass-check"),
    path("mass-operations/<str:mass_operation>/decision", DecisionView.as_view(), name="mass-decision"),
    path("mass-operations/<str:mass_operation>/pause", PauseView.as_view(), name="mass-pause"),
    path("mass-operations/<str:mass_operation>/resume", ResumeView.as_view(), name="mass-resume"),
    path("mass-operations/<str:mass_operation>/cancel", CancelView.as_view(), name="mass-cancel"),
    path("mass-operations/<str:mass_operation>/reversal", ReversalView.as_view(), name="mass-reversal"),
]
