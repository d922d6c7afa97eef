"""Decide where, when and how AI-inference compute is built and powered.

```python
import grid_opt as go

result = go.run("us_750mw", overrides=["campus.max_sites=6"])
result.plan["halls"]                # the plan, an xarray.Dataset
go.verify_plan(result.folder / "plan.nc").ok
```

The names below are imported when first used, so that ``import grid_opt`` is immediate.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grid_opt.config import Case, case_to_toml, load_case
    from grid_opt.plan.io import open_plan
    from grid_opt.study.check import check
    from grid_opt.study.explain.conduct import explain_plan
    from grid_opt.study.redispatch.run import redispatch
    from grid_opt.study.run import RunResult, run
    from grid_opt.study.stochastic.study import replay, stochastic
    from grid_opt.study.sweeps.study import batch, resume, sweep
    from grid_opt.verify import verify as verify_plan

__version__ = "0.1.0"

__all__ = [
    "Case",
    "RunResult",
    "batch",
    "case_to_toml",
    "check",
    "explain_plan",
    "load_case",
    "open_plan",
    "redispatch",
    "replay",
    "resume",
    "run",
    "stochastic",
    "sweep",
    "verify_plan",
]

_HOMES = {
    "Case": ("grid_opt.config", "Case"),
    "RunResult": ("grid_opt.study.run", "RunResult"),
    "case_to_toml": ("grid_opt.config", "case_to_toml"),
    "batch": ("grid_opt.study.sweeps.study", "batch"),
    "check": ("grid_opt.study.check", "check"),
    "explain_plan": ("grid_opt.study.explain.conduct", "explain_plan"),
    "load_case": ("grid_opt.config", "load_case"),
    "open_plan": ("grid_opt.plan.io", "open_plan"),
    "redispatch": ("grid_opt.study.redispatch.run", "redispatch"),
    "resume": ("grid_opt.study.sweeps.study", "resume"),
    "run": ("grid_opt.study.run", "run"),
    "replay": ("grid_opt.study.stochastic.study", "replay"),
    "stochastic": ("grid_opt.study.stochastic.study", "stochastic"),
    "sweep": ("grid_opt.study.sweeps.study", "sweep"),
    "verify_plan": ("grid_opt.verify", "verify"),  # grid_opt.verify itself is the package of the checks
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
