"""Make what many tests read once for all processes of a test run."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder of this process that holds what ``make`` writes, made by the first process that asks.

    Each process gets a copy of its own, so that no test meets what another one changed.
    """
    base = factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = common / f"once_{name}"
    with (common / f"once_{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            part = factory.mktemp(f"part_{name}")
            make(part)
            part.rename(folder)
    return Path(shutil.copytree(folder, factory.mktemp(name) / name))


def kept_once(factory: pytest.TempPathFactory, name: str, make: Callable[[], Any]) -> Any:
    """Return a value that the first process that asks makes, and the others read."""
    folder = made_once(factory, name, lambda to: (to / "value").write_bytes(pickle.dumps(make())))
    return pickle.loads((folder / "value").read_bytes())
