"""What a measurement is: a case measures for some seconds and answers with named figures."""

from collections.abc import Callable
from dataclasses import dataclass

# Flat names with the unit in them, such as `post.single_per_s.hot.32c`; README.md explains each.
Figures = dict[str, float]


@dataclass(frozen=True)
class Case:
    """One measurement, repeated in turns with all others; `measure` takes the seconds that it may use.

    A case with `long` is left out of the short run.
    """

    name: str
    measure: Callable[[float], Figures]
    long: bool = False


class MeasurementFailedError(Exception):
    """Something did not answer as it must; a benchmark that counts such answers lies, so the whole run ends."""
