"""What ran: the settings that the runs of a sweep share, and what makes it another one than its experiment."""

import textwrap
from typing import Any

from contrastive_lab.config.grids import grids
from contrastive_lab.config.identity import within
from contrastive_lab.config.values import key_and_value, typed, with_arch
from contrastive_lab.record.sweep import PASSED_OVER, Sweep, order
from contrastive_lab.report.labels import shown

NAMES = {
    "method": "method",
    "dataset": "data",
    "backbone": "backbone",
    "batch_size": "N",
    "epochs": "epochs",
    "tau": "tau",
    "seed": "seeds",
}


def ran(sweep: Sweep) -> dict[str, str]:
    """Method, data, backbone with its architecture, N, epochs, tau, seeds and commit of the runs, each so far as known.

    What varies is left out, but for seeds.
    """
    asked, found = sweep.asked, dict[str, str]()
    columns = {key: [*asked[key]] for key in NAMES if key in asked and (key == "seed" or key not in sweep.varied)}
    if "arch" in asked and "backbone" in columns:
        both = zip(columns["backbone"], asked["arch"], strict=True)
        columns["backbone"] = [None if name is None else with_arch(name, arch) for name, arch in both]
    for key, column in columns.items():
        values = {order(value): shown(key, value) for value in column if value is not None}
        found |= {NAMES[key]: ", ".join(values[at] for at in sorted(values))} if values else {}
    return found | ({"commit": sweep.commit} if sweep.commit else {})


def departures(sweep: Sweep) -> list[str]:
    """What was typed that the experiment does not say, e.g. "epochs = 2 (there 4)"; nothing without an experiment."""
    found = []
    for key, value in map(key_and_value, sweep.overrides if "grid" in sweep.experiment else []):
        key = key.lstrip("+~")
        theirs = dict.fromkeys(_typed(grid.axes.get(key)) for grid in grids(sweep.experiment, sweep.scale))
        if not within(key, {*PASSED_OVER, "scale"}) and {*theirs} != {value}:
            found.append(f"{key} = {value} (there {' or '.join(theirs) or 'not set'})")
    return found


def _typed(values: list[Any] | None) -> str:
    return "not set" if values is None else ",".join(map(typed, values))


def subject(sweep: Sweep, letters: int) -> str:
    """Method and data set for a figure, e.g. "simo on cifar10", in lines of some letters; empty where unknown."""
    told = [
        [str(value) for value in dict.fromkeys(sweep.results.get(key, ())) if value] for key in ("method", "dataset")
    ]
    return textwrap.fill(" on ".join(", ".join(values) for values in told if values), letters)
