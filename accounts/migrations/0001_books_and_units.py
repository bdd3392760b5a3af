from typing import Any

import django.core.validators
from django.db import migrations, models


def add_main_book(apps: Any, _schema_editor: Any) -> None:
    apps.get_model("accounts", "Book").objects.get_or_create(name="main")


def add_iso_units(apps: Any, _schema_editor: Any) -> None:
    """Every current ISO 4217 currency with its number of decimals; funds and metals without one are left out."""
    from iso4217 import Currency

    unit = apps.get_model("accounts", "Unit")
    unit.objects.bulk_create(
        unit(code=currency.code, exponent=currency.exponent, name=currency.currency_name)
        for currency in sorted(Currency, key=lambda currency: currency.code)
        if currency.exponent is not None
    )


class Migration(migrations.Migration):
    initial = True
    dependencies = [("appendonly", "0001_guard")]
    operations = [
        migrations.CreateModel(
            name="Book",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(help_text="The path prefix of the API: /api/v1/books/NAME/. It can never be changed.", max_length=64, unique=True, validators=[django.core.validators.RegexValidator("^[a-z0-9][a-z0-9_-]*$", "Lower-case letters, digits, - and _ only.")])),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"db_table": "accounts_book"},
        ),
        migrations.CreateModel(
            name="Unit",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(help_text="ISO 4217 code or a name of your own (POINTS). It can never be changed.", max_length=32, unique=True, validators=[django.core.validators.RegexValidator("^[A-Z0-9][A-Z0-9_.-]*$", "Upper-case letters, digits, . - and _ only.")])),
                ("exponent", models.PositiveSmallIntegerField(help_text="Decimals: 2 for EUR, 0 for JPY. It can never be changed.", validators=[django.core.validators.MaxValueValidator(18)])),
                ("name", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "db_table": "accounts_unit",
                "constraints": [models.CheckConstraint(condition=models.Q(("exponent__lte", 18)), name="accounts_unit_exponent_in_range")],
            },
        ),
        migrations.RunPython(add_main_book, migrations.RunPython.noop),
        migrations.RunPython(add_iso_units, migrations.RunPython.noop),
    ]
