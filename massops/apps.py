"""Mass operations as a Django app."""

from django.apps import AppConfig


class MassopsConfig(AppConfig):
    """The app."""

    name = "massops"
    verbose_name = "Mass operations"
