"""Contrastive learning with random masking against the autoencoder, with and without labels: Ji et al. 2021."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from contrastive_lab.analysis.result import AnalysisResult
from contrastive_lab.analysis.spiked_covariance_figure import PARTS, draw
from contrastive_lab.analysis.spiked_covariance_points import ERRORS, Row, Setting, descent, downstream_rows, sine_rows
from contrastive_lab.theory.spiked.model import NOISES

COLUMNS = ("part", "noise", "n", "d", "r", "features", "method", "sine", "sine_std", "sine_limit", *ERRORS)
LEAST = {"n": 2, "d": 2, "r": 1, "labels": 1, "steps": 0, "seeds": 1}


def run(
    part: str,
    noise: str,
    n: int | None,
    d: int | None,
    r: int,
    nu: float,
    n_values: Sequence[int],
    d_values: Sequence[int],
    r_values: Sequence[int],
    features: Sequence[int],
    labels: int,
    mix: float,
    steps: int,
    seeds: int,
) -> AnalysisResult:
    """A row for each point and method, a mean over models; errors downstream in units of the target's variance.

    Args:
        part: what varies: n, control (n with equal noise), d, r, downstream; or all.
        noise: profile of the noise, see `spiked`; part control has homo.
        n: samples; None is 20000, and 5000 downstream.
        d: coordinates; None is 40, and 160 in part r.
        r: dimensions of the signal.
        nu: standard deviation of the signal.
        n_values: samples in parts n and control.
        d_values: coordinates in part d, which has n samples and, once more, 50 d.
        r_values: dimensions of the signal in part r.
        features: dimensions of the features downstream, each at most r.
        labels: samples that the downstream readout is fitted on.
        mix: weight of the labels in CL+SupCL.
        steps: steps of gradient descent that check the closed forms at the first point, for the summary; 0 for none.
        seeds: models a point is averaged over.

    Raises:
        ValueError: on a dial that is out of range.
    """
    _check({"n": n, "d": d, "r": r, "labels": labels, "steps": steps, "seeds": seeds})
    _check_choices(part, noise, nu, mix)
    parts = PARTS if part == "all" else (part,)
    points = {
        "n": [Setting("n", noise, value, d or 40, r) for value in n_values],
        "control": [Setting("control", "homo", value, d or 40, r) for value in n_values],
        "d": [Setting("d", noise, m, value, r) for value in d_values for m in (n or 20000, 50 * value)],
        "r": [Setting("r", noise, n or 20000, d or 160, value) for value in r_values],
        "downstream": [Setting("downstream", noise, n or 5000, d or 40, r)],
    }
    chosen = {name: points[name] for name in parts}
    _check_points(chosen)
    if "downstream" in parts:
        _check_features(features, r, labels)
    rows: list[Row] = []
    for setting in chain.from_iterable(chosen.values()):
        if setting.part == "downstream":
            rows += downstream_rows(setting, nu, seeds, features, labels, mix)
        else:
            rows += sine_rows(setting, nu, seeds)
    columns = [name for name in COLUMNS if any(name in row for row in rows)]
    table = [{name: row.get(name) for name in columns} for row in rows]
    return AnalysisResult(table, draw(rows, parts), descent(chosen[parts[0]][0], nu, steps) if steps else {})


def _check(dials: Mapping[str, Any]) -> None:
    for name, value in dials.items():
        null = " or null" if name in ("n", "d") else ""
        if not (value is None and null) and (not isinstance(value, int) or value < LEAST[name]):
            raise ValueError(f"theory.{name}={value}: must be a whole number, {LEAST[name]} or more{null}")


def _check_choices(part: str, noise: str, nu: float, mix: float) -> None:
    for name, value, options in (("part", part, (*PARTS, "all")), ("noise", noise, NOISES)):
        if value not in options:
            raise ValueError(f"theory.{name}={value}: must be one of {', '.join(options)}")
    if not 0 < nu < math.inf:
        raise ValueError(f"theory.nu={nu}: must be above 0")
    if not 0 <= mix < math.inf:
        raise ValueError(f"theory.mix={mix}: must be 0 or more")


def _check_points(points: Mapping[str, Sequence[Setting]]) -> None:
    for part, settings in points.items():
        if not settings:
            raise ValueError(f"theory.{'n' if part == 'control' else part}_values=[]: one value or more is needed")
        for s in settings:
            if not all(isinstance(value, int) for value in (s.n, s.d, s.r)) or s.n < 2 or not 1 <= s.r < s.d:
                wanted = "must be whole numbers with n >= 2 and 1 <= r < d"
                raise ValueError(f"theory.part={part}: n={s.n}, d={s.d}, r={s.r}: {wanted}")


def _check_features(features: Sequence[int], r: int, labels: int) -> None:
    if r < 2:
        raise ValueError(f"theory.r={r}: must be 2 or more downstream, where two tasks are orthogonal")
    if not features or not all(isinstance(k, int) and 1 <= k <= min(r, labels) for k in features):
        raise ValueError(f"theory.features={list(features)}: must be from 1 to r={r}, and at most labels={labels}")
