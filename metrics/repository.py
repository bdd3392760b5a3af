"""The one decorator that times and counts the methods of repositories."""

from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import ParamSpec, TypeVar

from django.conf import settings

from metrics.instruments import REPOSITORY

P = ParamSpec("P")
R = TypeVar("R")


def observed(
    *, repository: str, expected: tuple[type[Exception], ...] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Time every call of a method of a repository, in seconds, under its outcome.

    `ok`: it returned. `refused`: it raised one of the `expected` exceptions, which are answers. `error`: it raised another.
    The method's exception goes on unchanged. Where METRICS is off the method stays as it was.
    """

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        method.__observed__ = (repository, method.__name__)  # type: ignore[attr-defined]  # what the test looks for
        if not settings.METRICS:
            return method
        # Bound once: looking a child up by its labels costs as much as all the rest.
        ok = REPOSITORY.labels(repository, method.__name__, "ok").observe

        @wraps(method)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            started = perf_counter()
            try:
                result = method(*args, **kwargs)
            except BaseException as error:
                outcome = "refused" if isinstance(error, expected) else "error"
                REPOSITORY.labels(repository, method.__name__, outcome).observe(perf_counter() - started)
                raise
            ok(perf_counter() - started)
            return result

        return timed

    return decorate
