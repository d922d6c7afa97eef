r"""Prepare the text of a MATPOWER case for the reader, and refuse what the reader would misread.

A case is a MATLAB function. What is read are its assignments of plain tables, ``mpc.bus = [...];``. A file that goes
on to compute (``mpc.branch(:, 3) = ...``) means something else than its tables say, so it is refused. The tables
are laid out one row a line with blanks between the cells, the only layout that the reader takes apart correctly.
"""

from __future__ import annotations

import re
from pathlib import Path

from grid_opt.errors import InputError

_ASSIGNMENT = re.compile(r"mpc\.([\w.]+)\s*=\s*(\[[^\]]*\]|\{[^}]*\}|'[^'\n]*'|[^;\n\[\{]+)\s*;?")
_HARMLESS = re.compile(
    r"\s*(function\b[^\n]*|end|endfunction|return|define_constants|\[[\w\s,]*\]\s*=\s*idx_\w+)?\s*;?\s*"
)
_BLOCK_COMMENT = re.compile(r"^[ \t]*%\{[ \t]*$.*?^[ \t]*%\}[ \t]*$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"('[^'\n]*')|%[^\n]*|\.\.\.[^\n]*\n")


def read_text(path: Path) -> str:
    """Return the text of a file.

    Errors: InputError when it is missing, a folder, or not text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return _as_latin(path)
    except IsADirectoryError as error:
        raise InputError("this is a folder, not a MATPOWER case", file=path, fix="name the .m file") from error
    except FileNotFoundError as error:
        raise InputError("the file does not exist", file=path, fix="check the spelling of the path") from error
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", file=path) from error


def _as_latin(path: Path) -> str:
    """Read the names in the comments of old cases, which are not UTF-8; binary data is no text in any encoding."""
    data = path.read_bytes()
    if b"\0" in data:
        raise InputError(
            "this is binary data, not a MATPOWER case", file=path, expected="the text of a .m file",
            fix="save a .mat case with MATPOWER's savecase('name.m', mpc)",
        )  # fmt: skip
    return data.decode("latin-1")


def tables_of(text: str, path: Path) -> dict[str, str]:
    """Return the assigned texts by name, without comments, and refuse any statement beyond plain assignments."""
    bare = _COMMENT.sub(lambda found: found[1] or " ", _BLOCK_COMMENT.sub("", text.replace("\r", "")))
    found: dict[str, str] = {}
    rest, position = [], 0
    for match in _ASSIGNMENT.finditer(bare):
        rest.append(bare[position : match.start()])
        position = match.end()
        if match[1] in found:
            raise InputError(f"mpc.{match[1]} is assigned twice", file=path, field=f"mpc.{match[1]}")
        found[match[1]] = match[2].strip()
    rest.append(bare[position:])
    _refuse_statements("".join(rest), path)
    return found


def _refuse_statements(rest: str, path: Path) -> None:
    for line in rest.splitlines():
        if not _HARMLESS.fullmatch(line):
            raise InputError(
                "the case is computed by statements, which are not run here",
                file=path,
                value=line.strip(),
                expected="plain assignments such as mpc.bus = [...];",
                fix="write the finished case with MATPOWER: savecase('name.m', loadcase('this_case'))",
            )


def one_row_a_line(name: str, body: str) -> str:
    """Return an assignment of a table in the layout that the reader understands."""
    rows = [row.replace(",", " ").strip() for row in re.split(r"[;\n]", body[1:-1])]
    return f"mpc.{name} = [\n" + "\n".join(row for row in rows if row) + "\n];\n"
