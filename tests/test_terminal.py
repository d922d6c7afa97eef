"""The terminal is for everybody: JSON of every command, no color where none is wanted, and no mark that it obeys."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.cli.common import print_json, visible
from grid_opt.cli.progress import ProgressLine
from grid_opt.cli.sweep_progress import SweepProgress

EVIL = "\x1b]0;owned\x07\x9b31m\u202eevil\u200b\r=cmd()"
MARKS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with the words that call it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(get_command(app)))
NEEDS = {
    "tariff bill": ["--mw", "1"], "export": ["--format", "csv"],
    "tariff import": ["--out", "nowhere/x.toml", "--timezone", "America/Chicago"],
}  # fmt: skip
WRONG = {"doctor": None, "tariff list": None, "compute table": None, "new": None, "compute frontier": None}
"""Commands that no name of a file or case can fail."""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_takes_json(words: tuple[str, ...]) -> None:
    options = {name for option in COMMANDS[words].params for name in option.opts}
    assert {"--json"} <= options
    assert COMMANDS[words].help, "a command says what it does"


@pytest.mark.parametrize("words", [words for words in COMMANDS if " ".join(words) not in WRONG], ids=" ".join)
def test_what_fails_is_one_json_object_with_its_code(words: tuple[str, ...], tmp_path: Path) -> None:
    names = [str(tmp_path / f"{EVIL}{number}") for number in range(2)]
    asked = [option for option in COMMANDS[words].params if option.param_type_name == "argument"]
    given = names if any(option.nargs == -1 for option in asked) else names[: len(asked)]
    told = CliRunner().invoke(app, [*words, *given, *NEEDS.get(" ".join(words), []), "--json"])
    assert told.exit_code == 2, told.output
    found = json.loads(told.stdout)
    assert found["exit_code"] == 2 and found["error"]
    assert told.stderr.startswith("error: ") and "Traceback" not in told.stderr
    assert not MARKS.search(told.output)


def test_marks_are_written_out() -> None:
    assert visible("a\x1b[31m\u202eb\nc\x9b") == r"a\u001b[31m\u202eb" + "\n" + r"c\u009b"
    assert visible("Krak\u00f3w \u2192 5 \u20ac") == "Krak\u00f3w \u2192 5 \u20ac"


def test_json_carries_hostile_text_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": EVIL, "values": [EVIL]})
    out = capsys.readouterr().out
    assert not MARKS.search(out)
    assert json.loads(out) == {"name": EVIL, "values": [EVIL]}


def test_progress_shows_hostile_names_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    for say in (ProgressLine().stage, SweepProgress().say):
        say(f"solving {EVIL}")
    assert not MARKS.search(capsys.readouterr().err)


def on_a_terminal(*words: str, **environment: str) -> tuple[int, str]:
    """Run a command on a pseudo-terminal; return its exit code and all that it wrote."""
    master, slave = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    with subprocess.Popen(
        [sys.executable, "-m", "grid_opt", *words], stdin=slave, stdout=slave, stderr=slave,
        env={**kept, "TERM": "xterm-256color", **environment},
    ) as process:  # fmt: skip
        os.close(slave)
        parts = []
        while True:
            try:
                part = os.read(master, 1 << 16)
            except OSError:  # all ends are closed
                break
            if not part:
                break
            parts.append(part)
    os.close(master)
    return process.returncode, b"".join(parts).decode()


COLOR = re.compile(r"\x1b\[[0-9;]*3[0-9]")


@pytest.mark.parametrize(
    ("environment", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_errors_have_colors_only_where_they_are_welcome(environment: dict[str, str], colored: bool) -> None:
    code, told = on_a_terminal("check", "no_such_case", **environment)
    assert code == 2 and "no_such_case" in told
    assert bool(COLOR.search(told)) == colored
