"""Keep what inputs were made into, in a process that runs one case after another, for cases that give the same again.

Only what follows from its inputs alone is kept, so that a case comes out the same whatever ran before it. What a thing
follows from is found by watching, not by a list that someone must keep: the knobs of the case that were read while it
was made, and the content of all else that went in. Nothing is kept unless :func:`remember` was called.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from grid_opt.config import Case
from grid_opt.config.reads import value_of, watched

T = TypeVar("T")
_MOST = 64
"""Things of a kind that are kept, those used last."""
_keeps: set[str] = set()


def remember(on: bool = True) -> None:
    """Keep from now on, or no longer."""
    _keeps.clear()
    if on:
        _keeps.add("everything")


@contextmanager
def remembering() -> Iterator[None]:
    """Keep for a while."""
    before = set(_keeps)
    remember()
    try:
        yield
    finally:
        remember(bool(before))


class _Reads(set[str]):
    """The knobs that a thing was made from, and the cases that it is good for: all agree in each of them."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.cases = [case]

    def add(self, knob: str) -> None:
        """Enter a knob; what is made late may read another one only while nobody differs in it."""
        if knob in self:
            return
        first = value_of(self.cases[0], knob)
        if any(value_of(case, knob) != first for case in self.cases[1:]):
            raise RuntimeError(f"{knob} was read too late: what is kept of an earlier case does not fit this one")
        super().add(knob)

    def fit(self, case: Case) -> bool:
        """Whether a case agrees in all that was read; whoever watches it sees that it was."""
        return all(value_of(case, knob) == value_of(self.cases[0], knob) for knob in self)


@dataclass
class Kept(Generic[T]):
    """A kind of things made from cases and other content."""

    make: Callable[..., T]
    things: OrderedDict[str, list[tuple[_Reads, T]]] = field(default_factory=OrderedDict)

    def __call__(self, case: Case, *content: Any) -> T:
        """Return the thing for a case and content: made, or kept from a case that gives the same."""
        if not _keeps:
            return self.make(case, *content)
        key = hashlib.sha256(pickle.dumps((str(case.resolve(".")), *content))).hexdigest()
        mine = self.things.setdefault(key, [])
        self.things.move_to_end(key)
        for reads, thing in mine:
            if reads.fit(case):
                reads.cases.append(case)
                return thing
        reads = _Reads(case)
        spied, _ = watched(case, reads)
        made = self.make(spied, *content)
        mine.append((reads, made))
        while len(self.things) > _MOST:
            self.things.popitem(last=False)
        return made
