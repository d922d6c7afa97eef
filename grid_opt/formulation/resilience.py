"""Leave enough systems, whichever region is lost, for the requests that must not fail."""

from __future__ import annotations

import xarray as xr

from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.fleet import Fleet
from grid_opt.formulation.service import Service

_LOST = ("lost", "stream", "accelerator", "region", "year", "season")


class Resilience:
    """Keep, for the loss of each region, an assignment of all other systems that serves the protected classes.

    What they are served in the busiest hour of any block, they are still served then, within their latency, by systems
    that may all be busy and drop everything else. One assignment covers all hours of a calendar quarter: a little
    more than is needed where streams peak at different times. It grows with the square of the regions, so it is meant
    for cases of up to some fifteen of them.
    """

    def __init__(self, build: Builder, world: xr.Dataset, fleet: Fleet, service: Service) -> None:
        kind = dict(zip(world["class"].values.tolist(), world["class_protected"].values.tolist(), strict=True))
        streams, of = world["stream"].values.tolist(), world["stream_class"].values.tolist()
        protected = build.mapping({i: kind[w] > 0 for i, w in zip(streams, of, strict=True)}, symbol=r"\psi")
        regions = world["region"].values.tolist()
        stands = build.mapping({(x, r): x != r for x in regions for r in regions}, symbol=r"\chi^{L}")

        def room(x: Index, i: Index, g: Index, r: Index, a: Index, c: Index) -> tuple[float, Expression]:
            """Leave no room in the lost region, nor where a stream may not go."""
            del c
            return 0, None if stands[x, r] and protected[i] and service.may_serve(i, g, r, a) else 0

        backup = build.variable(
            "resilience.backup", _LOST, symbol="v^{L}", unit="1", domain="nonnegative", bounds=room,
            meaning="systems that serve the stream while a region is lost",
        )  # fmt: skip
        build.constraint(
            "resilience.served", ("lost", "stream", "year", "season", "block"),
            lambda x, i, a, c, b: build.total(
                "accelerator",
                lambda g: build.total(
                    "region", lambda r: service.rate[g, service.kind[i], a] * backup[x, i, g, r, a, c]
                ),
            )
            >= service.peak[i, b] * service.served(i, a, c, b),
            unit="million tokens/s", meaning="Protected requests that are served still are when a region is lost.",
            where=lambda x, i, a, c, b: protected[i],
        )  # fmt: skip

        def busy(x: Index, g: Index, r: Index, *when: Index) -> Expression:
            own = build.total("stream", lambda i: backup[x, i, g, r, *when])
            beside = build.total(
                service.prefills_for[g],
                lambda h: build.total(
                    "stream", lambda i: service.pool[h, service.kind[i], when[0]] * backup[x, i, h, r, *when]
                ),
            )
            return own + beside

        build.constraint(
            "resilience.capacity", ("lost", "accelerator", "region", "year", "season"),
            lambda x, g, r, a, c: busy(x, g, r, a, c) <= fleet.systems[g, r, service.quarter_of[a, c]],
            unit="1", meaning="They find systems in the regions that are left.",
            where=lambda x, g, r, a, c: stands[x, r],
        )  # fmt: skip
