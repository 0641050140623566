"""What K negatives keep of the repulsion of all keys, against K for several alpha and tau; see docs/theory.md."""

from functools import partial
from typing import Any

import torch
from matplotlib.figure import Figure

from contrastive_lab.analysis.bounds_of_runs import built, config_of, run_folders
from contrastive_lab.analysis.gradient_norm import check_cosines
from contrastive_lab.analysis.result import AnalysisResult, Row, checked
from contrastive_lab.competition import causes
from contrastive_lab.config.theory import Competition
from contrastive_lab.config.values import typed
from contrastive_lab.errors import ConfigError
from contrastive_lab.evaluation.competition import keys_at_hand, keys_of_images
from contrastive_lab.losses import info_nce
from contrastive_lab.randomness import generator
from contrastive_lab.theory.sphere.gradient import frozen_keys, frozen_pairs

PANELS = {"competition": "competition", "factor": "mean factor w", "agreement": "agreement with all keys"}


def run(**values: Any) -> AnalysisResult:
    """Measure competition, factor and agreement on frozen random features or on those of a stored run.

    Args:
        values: as `Competition` describes them.

    Returns:
        A row for each tau, alpha and K, with the fields of `contrastive_lab.competition.Causes`.

    Raises:
        ConfigError: names a setting that is out of range.
        ValueError: on a folder without a run that can be measured.
    """
    s = checked(Competition, values)
    check_cosines(s.positive, s.shared)
    if s.run is None:
        source = generator(s.seed, "competition")
        query, own = frozen_pairs(s.queries, s.D, s.positive, s.shared, source)
        keys = frozen_keys(s.keys, s.D, s.shared, source)
        hand = keys_at_hand(query, own, keys, torch.arange(s.queries), torch.arange(s.queries, s.queries + s.keys))
    else:
        (folder,) = run_folders(s.run, None)
        hand = keys_of_images(*built(folder, config_of(folder, s.data_dir)), s.seed)
    n, M = hand.cos.shape
    if max(s.K) > M:
        raise ConfigError(f"theory.K={typed(s.K)}: must be at most {M} each, as there are so many keys")
    table: list[Row] = []
    for tau in s.taus:
        for alpha in s.alphas:
            for K in sorted(set(s.K)):
                loss = partial(info_nce, tau=tau, alpha=alpha, reduction="none")
                found = causes(*hand, K, tau, loss)._asdict()
                values = {name: float(value) for name, value in found.items()}
                table.append({"tau": tau, "alpha": "K" if alpha is None else f"{alpha:g}", "K": K, **values})
    return AnalysisResult(table, _figure(table), {"keys": M, "queries": n})


def _figure(rows: list[Row]) -> Figure:
    """A row of panels for each quantity, a column for each tau, a line for each alpha."""
    taus, alphas = (list(dict.fromkeys(row[name] for row in rows)) for name in ("tau", "alpha"))
    figure = Figure(figsize=(1.5 + 3.3 * len(taus), 8), layout="constrained")
    panels = figure.subplots(len(PANELS), len(taus), squeeze=False, sharex=True, sharey="row")
    for line, (name, label) in zip(panels, PANELS.items(), strict=True):
        line[0].set_ylabel(label)
        for axes, tau in zip(line, taus, strict=True):
            for alpha in alphas:
                own = [row for row in rows if (row["tau"], row["alpha"]) == (tau, alpha)]
                axes.plot([row["K"] for row in own], [row[name] for row in own], "o-", ms=4, label=f"alpha = {alpha}")
            axes.set(xscale="log", ylim=(-0.05, 1.05))
            axes.set_xticks(sorted({row["K"] for row in rows}), sorted({row["K"] for row in rows}), rotation=45)
            axes.minorticks_off()
            axes.grid(alpha=0.3)
    for axes, tau in zip(panels[0], taus, strict=True):
        axes.set_title(f"tau = {tau:g}")
    for axes in panels[-1]:
        axes.set_xlabel("negatives K")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure
