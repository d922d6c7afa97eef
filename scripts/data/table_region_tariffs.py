"""Write data/region_tariffs.csv: the tariff that each candidate region pays, from the tariffs' own lists of regions."""

from __future__ import annotations

import pandas as pd
from shared_inputs import DATA, Row, csv_text

from grid_opt.tariffs.definitions import bundled_tariffs, load_tariff

COLUMNS = ("region", "tariff", "source", "assumption")


def region_tariff_rows() -> list[Row]:
    """Return a row for every candidate region, in the order of regions.csv."""
    by_region = {region: load_tariff(name) for name in bundled_tariffs() for region in load_tariff(name).regions}
    rows: list[Row] = []
    for region in pd.read_csv(DATA / "regions.csv", dtype=str)["region"]:
        tariff = by_region[region]
        one = len(tariff.regions) == 1
        why = "one utility stands for the region" if one else f"one tariff stands for the utilities of {tariff.market}"
        rows.append({
            "region": region,
            "tariff": tariff.name,
            "source": f"list of regions in models/tariffs/{tariff.name}.toml ({tariff.title})",
            "assumption": f"ASSUMPTION: {why}; the file marks which of its terms are facts",
        })  # fmt: skip
    return rows


def main() -> None:
    """Write the table."""
    (DATA / "region_tariffs.csv").write_text(csv_text(COLUMNS, region_tariff_rows()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
