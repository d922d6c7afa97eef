"""Write a file whole or not at all: a reader never sees half a file under its final name.

The content goes to a temporary file in the same folder (only there is a rename atomic), is flushed to the
disk, and then takes the final name in one step. A failure removes the temporary file. A killed process
cannot; what it leaves is named ``.part-<host>-<process>-<count>-<final name>``, and the next write to that
final name removes it.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import platform
import re
import shutil
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

PREFIX = ".part-"
"""First characters of the name of every temporary file."""

_FOREIGN_GRACE_S = 3600.0
_NEARLY_FULL_BYTES = 2**20
_count = itertools.count()
_active: set[Path] = set()


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path`` atomically.

    Raises: OSError, naming ``path``, when the disk is full or the folder is missing or read-only.
    """
    with replacing(path) as part:
        part.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    r"""Write ``text`` to ``path`` atomically, as UTF-8 with ``\n`` line ends on every system.

    Raises: OSError, naming ``path``, when the disk is full or the folder is missing or read-only.
    """
    write_bytes(path, text.encode("utf-8"))


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, which takes the name ``path`` when the block ends without an error.

    The temporary path does not exist yet, lies in the folder of ``path`` and has its suffix, so that a
    library that looks at the suffix, or refuses to overwrite, can write to it. Leaving the block without
    having written it raises FileNotFoundError. A symbolic link at ``path`` stays, and the file that it names
    is replaced.

    Raises: OSError, naming ``path``, when the disk is full or the folder is missing or read-only.
    """
    final = Path(os.path.realpath(path))
    _remove_stale(final)
    part = final.with_name(f"{PREFIX}{_host()}-{os.getpid()}-{next(_count)}-{final.name}")
    _active.add(part)
    try:
        yield part
        _flush(part)
        part.replace(final)
        _flush_folder(final.parent)
    except OSError as error:
        if error.filename not in (None, str(part), part, str(path)):
            raise  # not about this file
        code = error.errno if error.errno is not None or not _full(part) else errno.ENOSPC
        if code is None:
            raise  # from a library that keeps the system's reason to itself
        raise OSError(code, f"cannot write the file: {os.strerror(code)}", str(path)) from error
    finally:
        _remove_with_sidecars(part)
        _active.discard(part)


def _full(part: Path) -> bool:
    """Guess, for a library that does not say why it failed, whether the disk is full."""
    try:
        return shutil.disk_usage(part.parent).free < _NEARLY_FULL_BYTES
    except OSError:
        return False


def _host() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _flush(part: Path) -> None:
    handle = os.open(part, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can flush a folder."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


def _remove_with_sidecars(part: Path) -> None:
    """Remove ``part`` and the journals that SQLite keeps beside a GeoPackage."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            part.with_name(part.name + suffix).unlink()


def _remove_stale(final: Path) -> None:
    """Remove what killed writers of ``final`` left; the file of a writer still at work stays."""
    pattern = re.compile(
        re.escape(PREFIX)
        + r"(?P<host>[0-9a-f]{8})-(?P<process>\d+)-\d+-"
        + re.escape(final.name)
        + r"(-journal|-wal|-shm)?"
    )
    try:
        entries = list(final.parent.iterdir())
    except OSError:
        return
    for entry in entries:
        match = pattern.fullmatch(entry.name)
        if match and _abandoned(entry, match["host"], int(match["process"])):
            with contextlib.suppress(OSError):
                entry.unlink()


def _abandoned(entry: Path, host: str, process: int) -> bool:
    if host != _host() or os.name == "nt":
        # Whether a process of another machine lives cannot be known, and on Windows asking would interrupt
        # it; a file untouched for long has no writer.
        try:
            return time.time() - entry.stat().st_mtime > _FOREIGN_GRACE_S
        except OSError:
            return False
    if process == os.getpid():
        # The number may be that of an earlier process, so only what this one has open counts.
        return not any(entry.name.startswith(part.name) for part in _active if part.parent == entry.parent)
    return not _alive(process)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
