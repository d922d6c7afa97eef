"""The command line: parse, call, print. It decides nothing."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; leave with an exit code of :class:`grid_opt.errors.ExitCode`."""
    try:
        from grid_opt.cli.app import app  # noqa: PLC0415 - inside, so that Ctrl-C during the import is caught

        app(prog_name="grid-opt")
    except KeyboardInterrupt:
        sys.exit(130)
