"""People of the administration at their browsers, with an authenticator where they have one."""

import base64
import uuid

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client as Browser
from django.utils import timezone
from django_otp.oath import totp

from security import second_factor
from security.staff_models import Authenticator

PASSWORD = "correct horse battery"


class Person:
    """A member of staff; `address` is where the browser is."""

    def __init__(self, name, *groups, superuser=False, address="192.0.2.1"):
        make = get_user_model().objects.create_superuser if superuser else get_user_model().objects.create_user
        self.user = make(f"{name}-{uuid.uuid4().hex[:8]}", password=PASSWORD, is_staff=True)
        self.user.groups.set(Group.objects.filter(name__in=groups))
        self.browser = Browser(REMOTE_ADDR=address)
        self.key = ""

    @property
    def name(self):
        return self.user.username

    def log_in(self, code="", password=PASSWORD):
        form = {"username": self.name, "password": password, "code": code, "next": "/admin/"}
        return self.browser.post("/admin/login/", form)

    def is_in(self):
        return self.browser.get("/admin/").status_code == 200

    def enrol(self):
        """Set up an authenticator; return the recovery codes."""
        self.key, _ = second_factor.begin(user_id=self.user.pk, username=self.name)
        _, codes = second_factor.confirm(user_id=self.user.pk, code=self.code(), now=timezone.now())
        return codes

    def forget_failures(self):
        """The next code is looked at without waiting."""
        Authenticator.objects.filter(user=self.user).update(throttling_failure_count=0)

    def code(self):
        """The next code of the authenticator that was not used yet: a test does not wait for half a minute."""
        device = Authenticator.objects.filter(user=self.user).order_by("-pk").first()
        if device is not None and device.last_step > 0:
            Authenticator.objects.filter(pk=device.pk).update(last_step=device.last_step - 5)
        return f"{totp(base64.b32decode(self.key)):06}"
