"""The words of docs/calibration.md around the tables of calibration_report.py."""

from __future__ import annotations

TEXT = """# Calibration of the hour generator

Written by `scripts/data/calibration_report.py`; do not edit it by hand. The mathematics of the generator
is in `grid_opt/inputs/hours.py` and `grid_opt/inputs/hours_latent.py`; its statistics are in
`data/hours/`, with their sources in `data/SOURCES.csv`. The real hours are not part of the project; the
statistics were computed from them.

Generated: mean of seeds {seeds}. Real: hourly real-time prices of 8760 hours a year, gaps filled (up to
16 % of the hours of a hub in 2023 and 2024). All hubs that price some zone are shown. PJM is real in 2024
only. Prices in USD/MWh; spread: median over UTC days of the highest less the lowest hour; AC(n):
autocorrelation at n hours.

![Duration curves and mean days, generated and real](img/calibration.png)

## Against 2023 and 2024, where the level comes from

{summary}
P5 is judged against its own size or 10 USD/MWh, whichever is larger. Correlation of hourly prices between
hubs: median absolute error {median_near}, largest {worst_near} ({pair_near}).

Generated / real:

{prices}
## Against 2021 to 2024

The level of a case is that of 2023 and 2024, and 2021 and 2022 were other years: Winter Storm Uri kept
ERCOT at its cap of 9000 USD/MWh for days in February 2021 (the yearly mean tripled), and gas cost about
twice as much in 2022. So dollar measures are divided by the mean before they are compared; what then
remains is the difference between the two pairs of years, not an error of drawing. Correlation between
hubs against all four years: median absolute error {median_far}, largest {worst_far} ({pair_far}).

Generated / real; P5, P95, P99.5 and daily spread as multiples of the mean:

{relative}
## Demand, wind and solar

Seed 1, medians over the series of the absolute error; mean, P5, P95 and standard deviation in percent of
the series' mean. Demand of a zone is scaled to the mean in `zones.csv`, so its mean cannot differ.
Correlation: between series.

{others}
## Where it fails

- **CAISO days swing too widely**, by 10 to 20 %: 2023 and 2024 had very different price levels there, and
  a generated month draws from both.
- **Spikes last too short in ERCOT and New England, too long in MISO.** One Gaussian memory serves calm
  hours and spikes alike: AC(1) is 0.1 lower than real in ERCOT and New England, 0.1 to 0.2 higher in
  Illinois, Indiana and Minnesota.
- **Scarcity is shared by rule, not by physics.** A Gaussian copula has no tail dependence; so the hubs of
  a market are drawn together when the market is short, wholly in ERCOT and by 40 % elsewhere (chosen to
  match correlation). Spikes that should run through several markets at once (a cold snap over PJM, MISO
  and SPP) coincide less than they should.
- **Disasters are not drawn.** A Uri or an Elliott happens in no generated year. Use real hours
  (`--hours`) or a higher `energy.price_scale` to study them.
- **Every seed has the same marginals.** Months keep their level and their number of spikes; a seed
  decides when they fall and what falls together. The spread between seeds is therefore smaller than that
  between real years.
- **Zones that share a hub share its hours**, up to a factor: all PJM zones follow PJM.RTO, the Southeast
  and the inland West follow neighboring hubs (`price_hub` in `zones.csv`). Their own congestion is not
  there.
- **Weather of price and load against wind and solar**: wind and solar are of weather year 2012 and drawn
  independently of price and load. Windy hours are not cheap hours here. Price and load do move together.
- Month-hour means of one or two real years carry their accidents (a hot August 2023 in Texas).
"""
