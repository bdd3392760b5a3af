"""Books, units and accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """What is counted, where, and on which accounts."""

    name = "accounts"

    def ready(self) -> None:
        """Tell the security app how many decimals a unit has: people set limits and thresholds there."""
        from accounts.queries import units_by_code  # noqa: PLC0415 - models are ready only now
        from security.scales import provide_exponents  # noqa: PLC0415 - likewise

        def exponent_of(code: str) -> int | None:
            unit = units_by_code(codes=[code]).get(code)
            return None if unit is None else unit.exponent

        provide_exponents(exponent_of)
