"""`manage.py enrolment_code`: print a code with which a person sets up a first second factor; for the first administrator."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from security.access import record
from security.access_models import AccessEvent
from security.enrolment import new_enrolment_code
from security.second_factor import has_authenticator


class Command(BaseCommand):
    """Makes one call of security.enrolment, prints."""

    help = "Print a code with which a person who has no authenticator sets one up; it is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose."""
        parser.add_argument("username", metavar="NAME")

    def handle(self, *_args: Any, username: str, **_options: Any) -> None:
        """Print the code; a refusal is one sentence and exit code 1."""
        person = get_user_model().objects.filter(username=username).first()
        if person is None:
            raise CommandError(f"There is no person {username}.")
        if has_authenticator(user_id=person.pk):
            raise CommandError("This person has an authenticator; forget it first.")
        with transaction.atomic():
            code = new_enrolment_code(user_id=person.pk, now=timezone.now())
            what = f"made an enrolment code for {username}"
            record(event=AccessEvent.ADMINISTRATION, what=what, who="command line")
        self.stdout.write(code)
