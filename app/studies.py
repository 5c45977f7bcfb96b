"""Statistics that are worked out beside the page: of thousands of students they take seconds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

KEPT = 8


class Studies:
    """The latest studies, each worked out once for all visitors, one after the other: others need the processor too."""

    def __init__(self) -> None:
        self._lock, self._known = threading.Lock(), OrderedDict[Hashable, Future[dict[str, Any]]]()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="study")

    def of(self, key: Hashable, work: Callable[[], dict[str, Any]]) -> Future[dict[str, Any]]:
        """What the work comes to. One that failed is tried anew by who asks next.

        Args:
            key: equal for equal work.
        """
        pool = self._pool
        with self._lock:
            known = self._known.get(key)
            if known is None or (known.done() and known.exception()):
                known = self._known[key] = pool.submit(work)
            self._known.move_to_end(key)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)[1].cancel()
            return known
