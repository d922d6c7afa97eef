"""The command that starts a case of one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from grid_opt.cli.common import JsonOption, print_json, print_path, reporting, tell

_README = """\
# {name}

A case for grid-opt. Everything that can be set is in `case.toml`; every line there has a default and may
be left out.

    grid-opt check case.toml                          # validate, without solving
    grid-opt run case.toml --out results              # solve, verify, write the plan folder
    grid-opt run case.toml --set energy.outlook=flat  # change a knob for one run

To bring tables of your own, make a folder `tables` here, put a file named like a bundled table into it (for
example `headroom.csv`, with the same columns), and set `tables_dir = "tables"` under `[data]`.
To bring real hourly prices, run with `--hours FILE` or set `hours_file` under `[energy]`.
"""


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; it must not exist or be empty.")],
    as_json: JsonOption = False,
) -> None:
    """Start a case of one's own: a commented case file and a README, in a new folder."""
    with reporting(as_json):
        from grid_opt.atomic import write_text  # noqa: PLC0415
        from grid_opt.errors import InputError  # noqa: PLC0415

        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                "this folder exists and is not empty; nothing was overwritten",
                file=folder,
                fix="choose another name",
            )
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", folder.resolve().name).strip("_-")[:64] or "my_case"
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "case.toml", starter_case(name))
        write_text(folder / "README.md", _README.format(name=name))
        if as_json:
            print_json({"folder": str(folder), "case": str(folder / "case.toml"), "exit_code": 0})
        else:
            print_path("made", folder)
            tell(f"next: grid-opt check {folder / 'case.toml'}")


def starter_case(name: str) -> str:
    """Return the default case, comments and all, under a name of one's own."""
    from grid_opt.config.reading import read_text  # noqa: PLC0415
    from grid_opt.resources import models_dir  # noqa: PLC0415

    text = read_text(models_dir() / "cases" / "us_750mw.toml")
    heading, _, body = text.partition("[demand]")
    comment = "\n".join(
        line for line in heading.splitlines() if line.startswith("#") and not line.startswith("# The default case")
    )
    return (
        f"# A case of your own, begun as a copy of us_750mw.\n{comment}\n\n"
        f'name = "{name}"\ntitle = "{name}"\ndescription = ""\n\n[demand]{body}'
    )
