"""Do side by side what does not depend on one another: HiGHS hardly ever uses more than one core for one program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from grid_opt.solve.answer import Options

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Item, Options], Result], items: Iterable[Item], options: Options) -> list[Result]:
    """Return the results of some work on each of several items, in their order.

    As many are worked on at a time as ``options`` allow threads, each with one thread. HiGHS runs outside of Python's
    lock, so that threads are enough; what the work reads must not change meanwhile.
    """
    alone = replace(options, threads=1)
    if options.threads == 1:
        return [work(item, alone) for item in items]
    with ThreadPoolExecutor(options.threads) as lanes:
        return list(lanes.map(lambda item: work(item, alone), items))
