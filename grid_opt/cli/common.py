"""What all commands share: one clear message for every failure, JSON, a console, a progress line."""

from __future__ import annotations

import errno
import json
import math
import os
import sys
import traceback
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grid_opt.errors import ExitCode, GridOptError, InfeasibleError, InputError

if TYPE_CHECKING:
    from rich.console import Console

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
_FULL = {errno.ENOSPC, errno.EDQUOT}
_ASKED_WRONG = {
    errno.ENOENT, errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EROFS,
    errno.ENAMETOOLONG, errno.ENOTEMPTY, errno.ELOOP,
}  # fmt: skip
"""What the system refuses because of the name that it was given; anything else is no fault of the user."""


@contextmanager
def reporting(as_json: bool) -> Iterator[None]:
    """Turn every failure inside into one message on stderr and its exit code; ``as_json`` adds an object."""
    try:
        yield
    except GridOptError as error:
        place: dict[str, Any] = {}
        if isinstance(error, InputError):
            place = {"file": error.file, "row": error.row, "field": error.field}
        elif isinstance(error, InfeasibleError) and error.shortage:
            place = error.to_dict()
        _leave(str(error), error.exit_code, as_json, place)
    except KeyboardInterrupt:
        _leave("interrupted", ExitCode.INTERRUPTED, as_json, {})
    except BrokenPipeError:
        raise
    except OSError as error:
        _leave(*_explain_os_error(error), as_json, {"file": _file_of(error)})
    except MemoryError:
        message = "there is not enough memory for this case; ask for fewer days (energy.days) or regions"
        _leave(message, ExitCode.NO_PLAN, as_json, {})
    except Exception as error:
        traceback.print_exc()
        _leave(f"internal error: {type(error).__name__}: {error}", ExitCode.NO_PLAN, as_json, {})


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object to stdout. Numbers that JSON lacks (NaN, infinities) become null."""
    typer.echo(visible(json.dumps(_plain(value), indent=2, ensure_ascii=False)))


def tell(text: object, err: bool = False, nl: bool = True) -> None:
    """Print a text to stdout or stderr, its control and direction marks written out."""
    typer.echo(visible(text), err=err, nl=nl)


def visible(text: object) -> str:
    """Return a text whose control and direction marks are written out, as JSON does, so that no terminal obeys them."""
    return "".join(
        json.dumps(char)[1:-1] if char != "\n" and unicodedata.category(char) in _MARKS else char for char in str(text)
    )


_MARKS = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def has_colors() -> bool:
    """Return whether colors are welcome, where there is a terminal: NO_COLOR is not set, and it is no dumb one."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_path(label: str, path: object) -> None:
    """Print where a file is, on a line of its own that no terminal width breaks."""
    typer.echo(visible(f"{label}: {path}"))


def make_console() -> Console:
    """Return a console for tables: colors on a terminal only, and wide enough lines when there is none."""
    from rich.console import Console  # noqa: PLC0415

    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 140
    return Console(width=wide, highlight=False, emoji=False)


def _leave(message: str, code: ExitCode, as_json: bool, place: Mapping[str, Any]) -> None:
    label = typer.style("error:", fg=typer.colors.RED, bold=True) if has_colors() else "error:"
    typer.echo(f"{label} {visible(message)}", err=True)
    if as_json:
        given = {key: value for key, value in place.items() if value is not None}
        print_json({"error": message, **given, "exit_code": int(code)})
    raise typer.Exit(int(code))


def _explain_os_error(error: OSError) -> tuple[str, ExitCode]:
    """Say what the system refused. A full disk is no fault of the input, so it has the code of a failure."""
    name = _file_of(error) or "a file"
    if error.errno in _FULL:
        return (
            f"the disk is full: {name} could not be written; no half-written file was left",
            ExitCode.NO_PLAN,
        )
    reason = error.strerror or str(error)
    code = ExitCode.BAD_INPUT if error.errno in _ASKED_WRONG else ExitCode.NO_PLAN
    return f"{name}: {reason}", code


def _file_of(error: OSError) -> str | None:
    return None if error.filename is None else os.fsdecode(error.filename)


def _plain(value: Any) -> Any:
    """Make a value that JSON can carry out of numpy scalars, paths, tuples and the like."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy, without importing it
        value = value.tolist()
        return _plain(value) if isinstance(value, list) else _plain_scalar(value)
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
