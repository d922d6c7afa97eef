"""Hold the folder of a study while it is at work in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from grid_opt.errors import InputError
from grid_opt.study.interrupt import interruptible
from grid_opt.study.sweeps.lock import FILE as LOCK
from grid_opt.study.sweeps.lock import locked


@contextmanager
def held(folder: Path) -> Iterator[Event]:
    """Hold a folder that nobody else writes into; what is given is set when the user interrupts.

    Raises:
        InputError: the folder holds something else, or another study is at work in it.
    """
    if folder.exists() and not (folder / LOCK).exists() and any(folder.iterdir()):
        raise InputError(
            "this folder is not empty, and holds no study", file=folder, expected="a new or an empty folder",
            fix="give another folder with --out",
        )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder), interruptible() as stop:
        yield stop
