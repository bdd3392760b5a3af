"""The embedded PostgreSQL takes memory by the machine, within bounds, and writes pages as they are."""

from types import SimpleNamespace

import psutil
import pytest
from django.db import connection

from billing_project import local_postgresql


@pytest.mark.parametrize(
    ("machine_gb", "pages_mb"), [(0.5, 128), (2, 256), (8, 1024), (16, 2048), (512, 2048)], ids=str
)
def test_it_takes_an_eighth_of_the_memory_within_bounds(
    machine_gb: float, pages_mb: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=int(machine_gb * 2**30)))

    assert local_postgresql.shared_buffers_mb() == pages_mb


@pytest.mark.django_db
def test_it_runs_with_what_the_settings_say() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('wal_compression'), pg_size_bytes(current_setting('shared_buffers'))")

        assert cursor.fetchone() == ("off", local_postgresql.shared_buffers_mb() * 2**20)
