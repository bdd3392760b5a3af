"""A person in the panel: Django's own client, logged in, and books to look at."""

import uuid

import pytest


@pytest.fixture
def browser():
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - see tests/conftest.py
    from django.test import Client  # noqa: PLC0415

    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser(f"panel-{uuid.uuid4().hex[:12]}"))
    return browser


@pytest.fixture
def bystander():
    """A member of staff without any permission."""
    from django.contrib.auth import get_user_model  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    browser = Client()
    browser.force_login(get_user_model().objects.create_user(f"by-{uuid.uuid4().hex[:12]}", is_staff=True))
    return browser
