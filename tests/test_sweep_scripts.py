"""The scripts of sweeps: switching points of a known cube, and shell scripts that go on where a sweep was left."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from grid_opt.study.sweeps.loading import bundled_sweeps

pytest_plugins = ["tests.sweep_fixture"]
SCRIPTS = Path(__file__).resolve().parents[1] / "scripts" / "sweeps"


def known_cube() -> xr.Dataset:
    """Return two axes, of which the first moves the site from A to B between 2 and 3 while the second is 1."""
    power = np.zeros((3, 2, 2, 1))
    power[:2, 0, 0], power[2, 0, 1] = 50.0, 50.0
    power[:, 1, 0] = 40.0
    objective = np.array([[1.0, 5.0], [2.0, 5.0], [4.0, np.nan]])
    power[2, 1] = np.nan
    return xr.Dataset(
        {"it_mw": (("a", "b", "region", "quarter"), power), "objective": (("a", "b"), objective)},
        coords={"a": [1, 2, 3], "b": [1, 2], "region": ["A", "B"], "quarter": ["2028Q4"]},
    )


def test_switching_points_are_found_where_they_are(script: Callable[[str], ModuleType]) -> None:
    found = list(script("sweeps/switching.py").switches(known_cube()))
    assert [(one.axis, one.between, one.held) for one in found] == [("a", ("2", "3"), "b 1")]
    assert found[0].line("million USD") == "a 2 -> 3 at b 1: -A, +B; objective +2.0 million USD"


def test_every_bundled_sweep_has_a_script_and_the_scripts_are_sound() -> None:
    named = {path.stem for path in SCRIPTS.glob("*.sh")}
    assert set(bundled_sweeps()) <= named
    for path in SCRIPTS.glob("*.sh"):
        assert os.name == "nt" or path.stat().st_mode & stat.S_IXUSR, path.name
        shell = path.read_text().partition("\n")[0].removeprefix("#!")
        assert subprocess.run([shell, "-n", str(path)], check=False).returncode == 0, path.name


@pytest.mark.skipif(os.name == "nt", reason="shell scripts")
def test_the_script_goes_on_where_a_sweep_was_left(undisturbed: Path, tmp_path: Path) -> None:
    bindir = Path(sys.executable).parent
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    shutil.copytree(undisturbed, outputs / "four")
    environment = {**os.environ, "GRID_OPT": str(bindir / "grid-opt"), "PYTHON": sys.executable}
    done = subprocess.run(
        [str(SCRIPTS / "run.sh"), "four"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr  # two cases cannot reach their target
    assert "2 done, 2 infeasible" in done.stdout and ("price" in done.stdout or "the same sites" in done.stdout)
