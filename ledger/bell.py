"""The bell of the inbox: tells the workers that something waits, from a thread of its own.

A request never touches the broker: it sets a flag and goes on, so a dead broker slows nobody. One thread in each process
rings, at most once for whatever came meanwhile; what it cannot ring, beat rings within a second.
"""

import logging
import threading

from kombu.exceptions import OperationalError

from ledger.tasks import drain_inbox

logger = logging.getLogger(__name__)


class Bell:
    """One for each process; its thread starts with the first ring."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def ring(self) -> None:
        """Ask for the workers; returns at once."""
        self._rung.set()
        if self._thread is None or not self._thread.is_alive():
            with self._start:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            self._rung.wait()
            self._rung.clear()
            try:
                drain_inbox.apply_async(retry=False, expires=60)
            except OperationalError as error:
                logger.warning("The broker does not answer (%s); beat rings the bell of the inbox.", error)


bell = Bell()
