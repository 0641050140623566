"""Contrastive learning with random masking against the autoencoder, with and without labels: Ji et al. 2021."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from contrastive_lab.analysis.result import AnalysisResult, Row, checked
from contrastive_lab.analysis.spiked_covariance_figure import PARTS, plot
from contrastive_lab.analysis.spiked_covariance_points import ERRORS, Setting, descent, downstream_rows, sine_rows
from contrastive_lab.config.theory import SpikedCovariance
from contrastive_lab.config.values import typed
from contrastive_lab.errors import ConfigError

COLUMNS = ("part", "noise", "n", "d", "r", "features", "method", "sine", "sine_std", "sine_limit", *ERRORS)


def run(**values: Any) -> AnalysisResult:
    """A row for each point and method, a mean over models; errors downstream in units of the target's variance.

    Args:
        values: as `SpikedCovariance` describes them.

    Raises:
        ConfigError: on a setting that is out of range.
    """
    s = checked(SpikedCovariance, values)
    parts = PARTS if s.part == "all" else (s.part,)
    points = {
        "n": [Setting("n", s.noise, value, s.d or 40, s.r) for value in s.n_values],
        "control": [Setting("control", "homo", value, s.d or 40, s.r) for value in s.n_values],
        "d": [Setting("d", s.noise, m, value, s.r) for value in s.d_values for m in (s.n or 20000, 50 * value)],
        "r": [Setting("r", s.noise, s.n or 20000, s.d or 160, value) for value in s.r_values],
        "downstream": [Setting("downstream", s.noise, s.n or 5000, s.d or 40, s.r)],
    }
    chosen = {name: points[name] for name in parts}
    _check_points(chosen)
    if "downstream" in parts:
        _check_features(s.features, s.r, s.labels)
    rows: list[Row] = []
    for setting in chain.from_iterable(chosen.values()):
        if setting.part == "downstream":
            rows += downstream_rows(setting, s.nu, s.seeds, s.features, s.labels, s.mix)
        else:
            rows += sine_rows(setting, s.nu, s.seeds)
    columns = [name for name in COLUMNS if any(name in row for row in rows)]
    table = [{name: row.get(name) for name in columns} for row in rows]
    return AnalysisResult(table, plot(rows, parts), descent(chosen[parts[0]][0], s.nu, s.steps) if s.steps else {})


def _check_points(points: Mapping[str, Sequence[Setting]]) -> None:
    for part, settings in points.items():
        if not settings:
            raise ConfigError(f"theory.{'n' if part == 'control' else part}_values=[]: one value or more is needed")
        for s in settings:
            if s.r >= s.d:
                raise ConfigError(f"theory.part={part}: n={s.n}, d={s.d}, r={s.r}: must have r < d")


def _check_features(features: Sequence[int], r: int, labels: int) -> None:
    if r < 2:
        raise ConfigError(f"theory.r={r}: must be 2 or more downstream, where two tasks are orthogonal")
    if not features or max(features) > min(r, labels):
        raise ConfigError(f"theory.features={typed(features)}: must be from 1 to r={r}, and at most labels={labels}")
