"""What a scrape gets: what all processes of this host counted, and the state that the apps read from their tables.

An app hands in a collector for its state (`provide`, from its AppConfig.ready); instruments need no handing in.
"""

import platform
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from metrics import processes

_PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
_states: list[Collector] = []


class BuildCollector(Collector):
    """Which version runs, on which Python."""

    def __init__(self) -> None:
        self._version = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["version"]

    def collect(self) -> Iterator[Metric]:
        """Yield the one gauge, always 1."""
        family = GaugeMetricFamily("ledger_build_info", "What runs; always 1", labels=["version", "python"])
        family.add_metric([self._version, platform.python_version()], 1)
        yield family


class Everything(Collector):
    """All that a scrape gets, made anew for each."""

    def collect(self) -> Iterable[Metric]:
        """Return what was counted, then the state."""
        return counted() + state()


def provide(collector: Collector) -> None:
    """Add what reads an app's state when somebody scrapes. It yields nothing where its storage is away."""
    _states.append(collector)


def counted() -> list[Metric]:
    """Return what was counted: by all processes of this host, or by this one where it counts for itself alone."""
    if (folder := processes.folder()) is None:
        return list(REGISTRY.collect())
    processes.forget_the_dead()
    return list(MultiProcessCollector(None, str(folder)).collect())  # type: ignore[no-untyped-call]  # no types here


def state() -> list[Metric]:
    """Return the gauges of state, read now."""
    return [family for collector in _states for family in collector.collect()]


def text() -> bytes:
    """Return everything in the text form of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Everything())
    return generate_latest(registry)


provide(BuildCollector())
