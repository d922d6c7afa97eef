"""Compare generated hours with real ones and write docs/calibration.md and its chart.

python scripts/data/calibration_report.py [--shared ../shared] [--docs docs]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from build_hours_statistics import ALL_YEARS, PRICE_YEARS, read_cf, read_prices, stack, statistics
from calibration_text import TEXT

from grid_opt import atomic
from grid_opt.inputs.hours import generate_hours, hub_and_load_series, wind_series
from grid_opt.inputs.tables import read_table

mpl.use("Agg")
import matplotlib.pyplot as plt

SEEDS = (1, 2, 3, 4, 5, 2026)
MEASURES = {
    "mean": ("mean", 1),
    "p05": ("P5", 1),
    "p95": ("P95", 1),
    "p995": ("P99.5", 0),
    "negative_share": ("negative, % of hours", 1),
    "daily_spread": ("daily spread", 1),
    "ac1": ("AC(1)", 2),
    "ac24": ("AC(24)", 2),
}
CHART_HUBS = (
    "ERCOT.North",
    "CAISO.SP-15",
    "PJM.RTO",
    "MISO.Indiana Hub",
    "NYISO.J - New York City",
    "SPP.South Hub",
)
Frames = dict[int, pd.DataFrame]


def used_hubs() -> list[str]:
    """Hubs that price some zone, in the order of the statistics."""
    entries = " ".join(read_table("zones")["price_hub"])
    return [hub for hub in pd.read_csv("data/hours/price_correlation.csv")["hub"] if hub in entries]


def real_statistics(frames: Frames, hubs: list[str], years: tuple[int, ...]) -> pd.DataFrame:
    rows = {h: statistics(stack(frames, h, years).to_numpy(dtype=float).reshape(-1, 8760)) for h in hubs}
    return pd.DataFrame(rows).T


def generated_statistics(runs: list[pd.DataFrame], hubs: list[str]) -> pd.DataFrame:
    tables = [pd.DataFrame({h: statistics(run[h].to_numpy().reshape(1, -1)) for h in hubs}).T for run in runs]
    return sum(tables[1:], tables[0]) / len(tables)


def correlation_error(runs: list[pd.DataFrame], real: pd.DataFrame, hubs: list[str]) -> tuple[float, float, str]:
    """Median and largest absolute error of pairwise price correlation, and the pair of the largest."""
    made = np.mean([run[hubs].corr().to_numpy() for run in runs], axis=0)
    error = np.abs(made - real[hubs].corr(min_periods=1000).to_numpy())
    upper = np.triu_indices(len(hubs), 1)
    worst = int(np.argmax(error[upper]))
    pair = f"{hubs[upper[0][worst]]} and {hubs[upper[1][worst]]}"
    return float(np.median(error[upper])), float(error[upper].max()), pair


def real_matrix(frames: Frames, hubs: list[str], years: tuple[int, ...]) -> pd.DataFrame:
    return pd.DataFrame({h: stack(frames, h, years) for h in hubs})


def price_table(made: pd.DataFrame, real: pd.DataFrame) -> str:
    head = "| hub | " + " | ".join(name for name, _ in MEASURES.values()) + " |\n"
    lines = [head, "|---|" + "---:|" * len(MEASURES) + "\n"]
    for hub in made.index:
        cells = []
        for key, (_, digits) in MEASURES.items():
            scale = 100 if key == "negative_share" else 1
            cells.append(f"{scale * made.loc[hub, key]:.{digits}f} / {scale * real.loc[hub, key]:.{digits}f}")
        lines.append(f"| {hub} | " + " | ".join(cells) + " |\n")
    return "".join(lines)


def summary_table(made: pd.DataFrame, real: pd.DataFrame) -> str:
    """Median and worst error over hubs, with the hub of the worst."""
    lines = ["| measure | median error | largest error | where |\n|---|---:|---:|---|\n"]
    for key, (name, _) in MEASURES.items():
        if key in {"negative_share", "ac1", "ac24"}:
            error = (made[key] - real[key]).abs() * (100 if key == "negative_share" else 1)
            unit = " points" if key == "negative_share" else ""
        else:
            # a relative error of a P5 near zero says nothing: measure it against at least 10 USD/MWh
            floor = 10.0 if key == "p05" else 0.0
            error = (made[key] - real[key]).abs() / np.maximum(real[key].abs(), floor) * 100
            unit = " %"
        digits = 2 if not unit else 1
        middle, worst = f"{error.median():.{digits}f}{unit}", f"{error.max():.{digits}f}{unit}"
        lines.append(f"| {name} | {middle} | {worst} | {error.idxmax()} |\n")
    return "".join(lines)


def relative(table: pd.DataFrame) -> pd.DataFrame:
    """Divide the dollar measures by the mean, so that years of different price levels compare."""
    out = table.copy()
    for key in ("p05", "p95", "p995", "daily_spread"):
        out[key] = table[key] / table["mean"]
    return out


def relative_table(made: pd.DataFrame, real: pd.DataFrame) -> str:
    a, b = relative(made), relative(real)
    keys = ("p05", "p95", "p995", "daily_spread", "negative_share", "ac1", "ac24")
    lines = ["| hub | real mean 2021-24 | " + " | ".join(MEASURES[k][0] for k in keys) + " |\n"]
    lines.append("|---|---:|" + "---:|" * len(keys) + "\n")
    for hub in made.index:
        scale = {"negative_share": 100}
        cells = [f"{scale.get(k, 1) * a.loc[hub, k]:.2f} / {scale.get(k, 1) * b.loc[hub, k]:.2f}" for k in keys]
        lines.append(f"| {hub} | {real.loc[hub, 'mean']:.1f} | " + " | ".join(cells) + " |\n")
    return "".join(lines)


def series_statistics(values: np.ndarray) -> dict[str, float]:
    ac = {f"ac{n}": float(np.corrcoef(values[n:], values[:-n])[0, 1]) for n in (1, 24)}
    low, high = np.quantile(values, [0.05, 0.95])
    return {"mean": values.mean(), "p05": low, "p95": high, "std": values.std(), **ac}


def other_rows(name: str, made: dict[str, np.ndarray], real: dict[str, np.ndarray]) -> str:
    """One line of the wind, solar and demand table: medians over ids of the absolute errors."""
    a = pd.DataFrame({k: series_statistics(v) for k, v in made.items()}).T
    b = pd.DataFrame({k: series_statistics(real[k]) for k in made}).T
    pieces = [f"{100 * ((a[k] - b[k]).abs() / b['mean']).median():.1f} %" for k in ("mean", "p05", "p95", "std")]
    pieces += [f"{(a[k] - b[k]).abs().median():.3f}" for k in ("ac1", "ac24")]
    ids = sorted(made)
    upper = np.triu_indices(len(ids), 1)
    c = np.corrcoef([made[i] for i in ids])[upper] - np.corrcoef([real[i] for i in ids])[upper]
    return f"| {name} | {len(ids)} | " + " | ".join(pieces) + f" | {np.median(np.abs(c)):.2f} |\n"


def other_table(shared: Path) -> str:
    zones = read_table("zones")
    hours = generate_hours(zones, SEEDS[0])
    lines = ["| variable | series | mean | P5 | P95 | std | AC(1) | AC(24) | correlation |\n"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
    load = pd.read_parquet(shared / "data/derived/region_load_hourly_2024_z90.parquet")
    load = load[~((load.index.month == 2) & (load.index.day == 29))].iloc[:8760]
    real = {z: (load[z] / load[z].mean()).to_numpy(dtype=float) for z in load}
    made = {z: (hours["demand"].sel(zone=z) / hours["demand"].sel(zone=z).mean()).values for z in load}
    lines.append(other_rows("demand, over its mean (2024)", made, real))
    frame = read_cf(shared, "wind")
    lines.append(other_rows("wind (2012)", wind_series(SEEDS[0]), {c: frame[c].to_numpy() for c in frame}))
    frame = read_cf(shared, "solarpv")
    profile = zones.drop_duplicates("solar_profile").set_index("zone")["solar_profile"]
    made = {p: hours["solar_cf"].sel(zone=z).values for z, p in profile.items() if p in frame}
    lines.append(other_rows("solar (2012)", made, {c: frame[c].to_numpy() for c in frame}))
    return "".join(lines)


def chart(run: pd.DataFrame, frames: Frames, path: Path) -> None:
    """Draw duration curves and mean days of six hubs, generated against real."""
    figure, axes = plt.subplots(2, len(CHART_HUBS), figsize=(15, 6.2), layout="constrained")
    share = (np.arange(8760) + 0.5) / 8760 * 100
    for column, hub in enumerate(CHART_HUBS):
        top, bottom = axes[0, column], axes[1, column]
        for year, shade in ((2023, "0.35"), (2024, "0.65")):
            if hub == "PJM.RTO" and year == 2023:
                continue
            real = frames[year][hub].to_numpy(dtype=float)
            top.plot(share, np.sort(real)[::-1], color=shade, lw=1.2, label=f"real {year}")
            bottom.plot(real.reshape(365, 24).mean(axis=0), color=shade, lw=1.2)
        made = run[hub].to_numpy()
        top.plot(share, np.sort(made)[::-1], color="tab:blue", lw=1.6, label="generated")
        bottom.plot(made.reshape(365, 24).mean(axis=0), color="tab:blue", lw=1.6)
        top.set_yscale("symlog", linthresh=50)
        top.set_ylim(-100, 6000)
        top.set_yticks([-50, 0, 50, 100, 500, 5000], ["-50", "0", "50", "100", "500", "5000"])
        top.set_title(hub, fontsize=10)
        top.set_xlabel("share of hours above [%]", fontsize=8)
        bottom.set_xlabel("hour of day [UTC]", fontsize=8)
        bottom.set_xticks([0, 6, 12, 18, 23])
        bottom.set_ylim(bottom=0)
        for axis in (top, bottom):
            axis.grid(alpha=0.25)
            axis.tick_params(labelsize=8)
    axes[0, 0].set_ylabel("price [USD/MWh], linear below 50", fontsize=9)
    axes[1, 0].set_ylabel("mean price [USD/MWh]", fontsize=9)
    axes[0, 0].legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    frames = {y: read_prices(arguments.shared, y) for y in ALL_YEARS}
    hubs = used_hubs()
    runs = [pd.DataFrame(hub_and_load_series(seed)[0]) for seed in SEEDS]
    made = generated_statistics(runs, hubs)
    base = real_statistics(frames, hubs, PRICE_YEARS)
    pooled = real_statistics(frames, hubs, ALL_YEARS)
    near = correlation_error(runs, real_matrix(frames, hubs, PRICE_YEARS), hubs)
    far = correlation_error(runs, real_matrix(frames, hubs, ALL_YEARS), hubs)
    text = TEXT.format(
        seeds=", ".join(map(str, SEEDS)),
        summary=summary_table(made, base),
        prices=price_table(made, base),
        relative=relative_table(made, pooled),
        median_near=f"{near[0]:.3f}",
        worst_near=f"{near[1]:.2f}",
        pair_near=near[2],
        median_far=f"{far[0]:.3f}",
        worst_far=f"{far[1]:.2f}",
        pair_far=far[2],
        others=other_table(arguments.shared),
    )
    atomic.write_text(arguments.docs / "calibration.md", text)
    chart(runs[-1], frames, arguments.docs / "img" / "calibration.png")
    print(summary_table(made, base))
    print("correlation", near, far)


if __name__ == "__main__":
    main()
