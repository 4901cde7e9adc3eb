"""Work on a stream of items by several threads at once, the results in the items' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int = 1
) -> Iterator[Result]:
    """Yield ``work(item)`` of every item, in order, computed by `threads` threads.

    Each thread takes the next item by itself, so that making items (decoding, say) and working on
    them overlap, and no more than `threads` threads are ever busy: the caller's waits. Items are
    read by one thread at a time. At most ``2 * threads`` items and results are held. It pays where
    both let go of the interpreter.
    """
    if threads == 1:
        yield from map(work, items)
        return
    numbered, turn = enumerate(items), Lock()

    def take_one() -> tuple[int, Result] | None:
        with turn:
            item = next(numbered, None)
        return None if item is None else (item[0], work(item[1]))

    with ThreadPoolExecutor(threads) as pool:
        running = deque(pool.submit(take_one) for _ in range(2 * threads))
        done: dict[int, Result] = {}
        wanted = 0
        while running:
            # The oldest call may have taken a later item; it is kept until its turn comes.
            if (result := running.popleft().result()) is None:
                continue
            running.append(pool.submit(take_one))
            done[result[0]] = result[1]
            while wanted in done:
                yield done.pop(wanted)
                wanted += 1
