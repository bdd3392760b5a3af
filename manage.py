#!/usr/bin/env python
"""The command line of the product: `python manage.py help` lists what it can do."""

import os
import sys

# Only these change the schema, so only these connect as the role that owns the tables.
OWNER_COMMANDS = {"migrate"}


def main() -> None:
    """Run one management command, as the owner role for those that change the schema."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_project.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ.setdefault("DATABASE_ROLE", "owner")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - after the role is chosen

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
