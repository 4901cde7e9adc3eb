"""Work on several threads whose results come in the order of the items."""

from __future__ import annotations

import threading
import time

import pytest

from cagewatch.errors import InputError
from cagewatch.in_order import map_in_order


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(threads):
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(map_in_order(work, range(30), threads)) == [i * i for i in range(30)]


def test_no_more_than_the_given_threads_work_and_little_is_held():
    lock, now, most, made, wanted = threading.Lock(), [0], [0], [0], [0]

    def make():
        for item in range(40):
            made[0] = item + 1
            assert made[0] - wanted[0] <= 5
            yield item

    def work(item: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.001)
        with lock:
            now[0] -= 1
        return item

    for item in map_in_order(work, make(), 2):
        wanted[0] = item + 1
    assert most[0] == 2 and wanted[0] == 40


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failing_item_ends_it_with_its_own_error(threads):
    def items():
        yield from range(5)
        raise InputError("the file ends here.")

    with pytest.raises(InputError, match="ends here"):
        list(map_in_order(lambda item: item, items(), threads))
    with pytest.raises(ZeroDivisionError):
        list(map_in_order(lambda item: 1 // (3 - item), range(5), threads))
