"""Amounts in words: minor units as a unit writes them. How many decimals a unit has, the app above that knows units hands in."""

from collections.abc import Callable
from decimal import Context, Decimal

# As many digits as any amount has, so that nothing here is rounded.
_EXACT = Context(prec=100)
_source: list[Callable[[str], int | None]] = []


def provide_exponents(exponent_of: Callable[[str], int | None]) -> None:
    """Hand in what tells the exponent of a unit by its code, None for one that does not exist; called when the apps are ready."""
    _source[:] = [exponent_of]


def exponent_of(unit: str) -> int | None:
    """How many decimals a unit has; None where there is no such unit."""
    return _source[0](unit) if _source else None


def in_minor(amount: Decimal, exponent: int) -> int:
    """Minor units of an amount in units; what is smaller than a minor unit is cut off."""
    return int(amount.scaleb(exponent, _EXACT))


def from_minor(minor: int | Decimal, exponent: int) -> Decimal:
    """The amount in units of so many minor units, with all decimals of the unit."""
    return Decimal(minor).scaleb(-exponent, _EXACT).quantize(Decimal(1).scaleb(-exponent), context=_EXACT)


def in_units(minor: int | Decimal, unit: str) -> str:
    """An amount for people's eyes: 100000 minor units of EUR as 1,000.00 EUR."""
    exponent = exponent_of(unit)
    return (
        f"{int(minor):,} smallest parts of {unit}" if exponent is None else f"{from_minor(minor, exponent):,f} {unit}"
    )
