"""Keep two sweeps out of one folder."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from grid_opt.errors import InputError

FILE: Final = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder of a sweep; the system lets go of it when the process ends, however that happens.

    Raises:
        InputError: another process holds it.
    """
    path = folder / FILE
    with path.open("a+", encoding="utf-8") as stream:
        if not _try_lock(stream.fileno()):
            raise InputError(
                "another sweep is at work in this folder", file=path, value=_holder(path),
                expected="one sweep in a folder at a time", fix="wait for it, or give another folder with --out",
            )  # fmt: skip
        stream.seek(0)
        stream.truncate()
        stream.write(f"process {os.getpid()} on {platform.node()}\n")
        stream.flush()
        yield


def _holder(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8").strip() or None
    return None


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        """Lock a byte far behind the text, so that the text can still be read."""
        os.lseek(handle, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
