"""The law of append-only records: inserted by SQL functions of the owner role, read through these models, never changed.

A model here describes columns only. The database itself refuses UPDATE, DELETE and TRUNCATE (sql/guard.sql) and the
runtime role has no right to them, so the refusals below exist to give a programmer the better sentence, earlier.
"""

from typing import Any, NoReturn

from django.db import models


class ReadOnlyQuerySet(models.QuerySet[Any]):
    """A query set that can only read."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError(
            f"{self.model.__name__} is append-only; it is written by its own SQL function, never by the ORM."
        )

    create = update = delete = bulk_create = bulk_update = get_or_create = update_or_create = _refuse


class AppendOnlyModel(models.Model):
    """Base of every model over a table that only SQL functions write."""

    objects: models.Manager[Any] = models.Manager.from_queryset(ReadOnlyQuerySet)()

    class Meta:
        abstract = True
        managed = False

    def save(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: see the module docstring."""
        raise TypeError(
            f"{type(self).__name__} is append-only; it is written by its own SQL function, never by the ORM."
        )

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: see the module docstring."""
        raise TypeError(f"{type(self).__name__} is append-only; nothing recorded is ever deleted.")
