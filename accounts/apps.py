"""Books, units and accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """What is counted, where, and on which accounts."""

    name = "accounts"
