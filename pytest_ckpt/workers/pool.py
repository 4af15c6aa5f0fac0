"""`Workers`: a pool of workers by role, which stops all of them at its end."""

from __future__ import annotations

import collections
import itertools
import pathlib
import threading
from collections.abc import Callable, Hashable

from .worker import Worker

#: How many workers a pool keeps by default.
POOL_SIZE = 3


class Workers:
    """A pool of at most ``size`` workers, whose logs are in ``folder``. A context manager that stops them at its end."""

    def __init__(self, folder: pathlib.Path, size: int = POOL_SIZE) -> None:
        self.folder = folder
        self._size = size
        #: In the order of use: the least recently used worker comes first.
        self._workers: collections.OrderedDict[Hashable, Worker] = collections.OrderedDict()
        self._numbers = itertools.count()
        self._lock = threading.RLock()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def get(self, role: Hashable, start: Callable[[pathlib.Path], Worker] = Worker) -> Worker:
        """Return the worker of a role. Start it with ``start(log)`` if it does not exist or has died.

        If the pool is full, the least recently used worker is stopped first.
        """
        with self._lock:
            worker = self._workers.pop(role, None)
            if worker is None or not worker.alive:
                if worker is not None:
                    worker.stop()
                while len(self._workers) >= self._size:
                    self._workers.popitem(last=False)[1].stop()
                self.folder.mkdir(parents=True, exist_ok=True)
                worker = start(self.folder / f"worker-{next(self._numbers)}.log")
            self._workers[role] = worker
            return worker

    def stop(self, role: Hashable) -> None:
        """Stop the worker of a role, if there is one, so that the next one is a fresh process."""
        with self._lock:
            if (worker := self._workers.pop(role, None)) is not None:
                worker.stop()

    def close(self) -> None:
        """Stop all workers."""
        with self._lock:
            while self._workers:
                self._workers.popitem()[1].stop()
