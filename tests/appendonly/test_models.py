"""The models of append-only records read, and refuse to write in a clear sentence."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps

from appendonly.models import AppendOnlyModel

MODELS = [model for model in apps.get_models() if issubclass(model, AppendOnlyModel)]
ACTS: dict[str, Callable[[type[AppendOnlyModel]], Any]] = {
    "save": lambda model: model().save(),
    "save, forced": lambda model: model(pk=1).save(force_insert=True),
    "delete": lambda model: model(pk=1).delete(),
    "create": lambda model: model.objects.create(),
    "bulk_create": lambda model: model.objects.bulk_create([model()]),
    "bulk_update": lambda model: model.objects.bulk_update([model(pk=1)], []),
    "update": lambda model: model.objects.update(pk=1),
    "update of some": lambda model: model.objects.filter(pk=1).update(pk=2),
    "delete of all": lambda model: model.objects.all().delete(),
    "get_or_create": lambda model: model.objects.get_or_create(pk=1),
    "update_or_create": lambda model: model.objects.update_or_create(pk=1),
    "create, async": lambda model: asyncio.run(model.objects.acreate()),
    "delete, async": lambda model: asyncio.run(model.objects.filter(pk=1).adelete()),
}


def test_it_knows_its_models() -> None:
    assert {model.__name__ for model in MODELS} >= {
        "Account",
        "AccountChange",
        "Operation",
        "Entry",
        "Mark",
        "Snapshot",
    }


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("model", MODELS, ids=[model.__name__ for model in MODELS])
def test_it_refuses_to_write(model: type[AppendOnlyModel], act: str) -> None:
    with pytest.raises(TypeError, match=rf"{model.__name__} is append-only; "):
        ACTS[act](model)


@pytest.mark.parametrize("model", MODELS, ids=[model.__name__ for model in MODELS])
def test_it_reads(model: type[AppendOnlyModel]) -> None:
    assert model.objects.count() >= 0
    assert list(model.objects.values()[:1]) is not None
