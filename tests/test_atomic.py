"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from grid_opt import atomic

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from grid_opt.atomic import replacing
with replacing(sys.argv[1]) as part:
    part.write_bytes(b"half of the fi")
    Path(f"{part}-journal").write_bytes(b"journal")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def kill_a_writer(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL


def test_text_is_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "note.txt", "30 °C\n750 MW\n")
    assert (tmp_path / "note.txt").read_bytes() == "30 °C\n750 MW\n".encode()
    assert names(tmp_path) == ["note.txt"]


def test_an_earlier_file_is_replaced(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / "plan.nc", b"first, and longer")
    atomic.write_bytes(tmp_path / "plan.nc", b"second")
    assert (tmp_path / "plan.nc").read_bytes() == b"second"
    assert names(tmp_path) == ["plan.nc"]


def test_the_temporary_file_has_the_suffix_and_the_folder(tmp_path: Path) -> None:
    with atomic.replacing(tmp_path / "map.svg") as part:
        assert part.parent == tmp_path.resolve()
        assert part.suffix == ".svg"
        assert part.name.startswith(atomic.PREFIX)
        assert not part.exists()
        part.write_bytes(b"<svg/>")
        assert not (tmp_path / "map.svg").exists()


@pytest.mark.parametrize("failure", [ValueError("a fault in the writer"), KeyboardInterrupt()])
def test_a_failure_keeps_the_earlier_file_and_leaves_nothing(tmp_path: Path, failure: BaseException) -> None:
    target = tmp_path / "plan.nc"
    target.write_bytes(b"earlier")
    with pytest.raises(type(failure)), atomic.replacing(target) as part:
        part.write_bytes(b"half")
        raise failure
    assert target.read_bytes() == b"earlier"
    assert names(tmp_path) == ["plan.nc"]


def test_a_full_disk_is_one_line_that_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError, match="cannot write the file: No space left on device") as caught:
        atomic.write_bytes(tmp_path / "plan.nc", b"data")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "plan.nc")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot write the file.*plan\.nc"):
        atomic.write_bytes(tmp_path / "nowhere" / "plan.nc", b"data")


def test_an_error_about_another_file_passes_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, atomic.replacing(tmp_path / "plan.nc"):
        (tmp_path / "zones.geojson").read_bytes()
    assert caught.value.filename == str(tmp_path / "zones.geojson")


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic.replacing(tmp_path / "plan.nc"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_writer_leaves_no_final_file_and_the_next_write_cleans_up(tmp_path: Path) -> None:
    target = tmp_path / "plan.gpkg"
    kill_a_writer(target)
    left = names(tmp_path)
    assert len(left) == 2
    assert all(name.startswith(atomic.PREFIX) for name in left)
    atomic.write_bytes(tmp_path / "other-plan.gpkg", b"another file")
    assert set(left) < set(names(tmp_path)), "a write to another name leaves them"
    atomic.write_bytes(target, b"whole")
    assert names(tmp_path) == ["other-plan.gpkg", "plan.gpkg"]
    assert target.read_bytes() == b"whole"


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_what_ends_in_the_same_words_is_not_taken_for_ours(tmp_path: Path) -> None:
    kill_a_writer(tmp_path / "a-map.png")
    left = names(tmp_path)
    atomic.write_bytes(tmp_path / "map.png", b"whole")
    assert set(left) < set(names(tmp_path))


def test_two_writers_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    target = tmp_path / "plan.nc"
    with atomic.replacing(target) as first:
        first.write_bytes(b"first")
        with atomic.replacing(target) as second:
            second.write_bytes(b"second")
        assert target.read_bytes() == b"second"
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["plan.nc"]


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "plan.nc"
    real.write_bytes(b"earlier")
    link = tmp_path / "plan.nc"
    link.symlink_to(real)
    atomic.write_bytes(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
