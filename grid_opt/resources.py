"""Find the bundled ``data/`` and ``models/`` folders, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path


def _folder(name: str) -> Path:
    package = Path(__file__).resolve().parent
    checkout = package.parent / name
    installed = package / "_resources" / name
    return installed if installed.is_dir() else checkout


def data_dir() -> Path:
    """Return the folder of the bundled input tables."""
    return _folder("data")


def models_dir() -> Path:
    """Return the folder of the bundled definitions: accelerators, workloads, cases."""
    return _folder("models")
