"""The smallest number of negatives whose predicted cost is within a tolerance, by one run with all of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from omegaconf import DictConfig

from contrastive_lab.analysis.bounds_of_runs import built
from contrastive_lab.analysis.curve import CAUSES, Curve
from contrastive_lab.analysis.result import AnalysisResult, Row, text
from contrastive_lab.competition import KEYS
from contrastive_lab.config.resolve import resolve
from contrastive_lab.dataset import ViewsDataModule
from contrastive_lab.encoder import Encoder
from contrastive_lab.evaluation.competition import kept, keys_of_images, lost
from contrastive_lab.record.checkpoint import kept_checkpoints
from contrastive_lab.record.files import write_text
from contrastive_lab.record.run import stored_config
from contrastive_lab.report.plot import COLOURS
from contrastive_lab.report.simple_page import simple_page
from contrastive_lab.run.build import build_objective
from contrastive_lab.run.evaluate import load_stored
from contrastive_lab.theory.coupon import coverage_probability


class Enough(NamedTuple):
    """What a run with all negatives tells of fewer.

    Fields:
        table: a row for each K, ascending: `cost` in points of linear accuracy, None beyond what the curve was fitted
            to, what is lost by cause and what is kept; with labels, coverage and collisions.
        K: the smallest that is enough, None where the curve says nothing.
        reason: why, in one sentence.
        along: what K was at the ends of earlier epochs, or that this is not known, in one sentence.
        trust: how sure that is.
        figure: the predicted cost against K.
    """

    table: list[Row]
    K: int | None
    reason: str
    along: str
    trust: str
    figure: Figure

    def write(self, folder: Path, sentences: Sequence[str]) -> Path:
        """Write table.csv, figure.png and .pdf, result.json, and a page with the sentences; returns the page's path."""
        folder.mkdir(parents=True, exist_ok=True)
        AnalysisResult(self.table, self.figure, {"K": self.K, "sentences": list(sentences)}).write(folder)
        rows = [{name: text(value) for name, value in row.items()} for row in self.table]
        figures = {"Predicted cost against K": self.figure}
        write_text(folder / "find_k.html", simple_page("How many negatives are enough?", sentences, figures, rows))
        return folder / "find_k.html"


def answer(folder: Path, curve: Curve, tolerance: float) -> Enough:
    """Measure the encoder of a run with all negatives at K = 1, 2, 4 and so on, and judge each by the curve.

    So it does with the encoder at the end of each epoch whose checkpoint was kept.

    Raises:
        ValueError: for a loss that remembers normalisers, or a run that this version cannot build.
    """
    config = stored_config(folder)
    encoder, data = built(folder, config)
    most = resolve(config).counted(config, len(data.splits.pretrain)).K
    assert most is not None  # methods without negatives have no pilot
    table = _measured(encoder, data, config, curve, most)
    along = dict[int, int | None]()
    for epoch, path in kept_checkpoints(folder).items():
        load_stored(encoder, folder, "encoder.", path)
        along[epoch] = judged(_measured(encoder, data, config, curve, most), curve, tolerance)[0]
    trust = _trust(curve, tolerance, most)
    return Enough(
        table, *judged(table, curve, tolerance), _along(along, config.epochs), trust, _figure(table, curve, tolerance)
    )


def _measured(encoder: Encoder, data: ViewsDataModule, config: DictConfig, curve: Curve, most: int) -> list[Row]:
    """A row for each K up to the most, as `Enough` has them."""
    with torch.no_grad():
        hand, objective = keys_of_images(encoder, data, 0), build_objective(config, data)
    powers = (2**i for i in range(most.bit_length()) if 2**i < most)
    found = {K: kept(hand, objective, float(config.tau), config.alpha, K) for K in (*powers, most)}
    table = list[Row]()
    for K, few in found.items():
        loss = lost(found[most], few)._asdict()
        cost = None if curve.beyond(loss) else curve.cost(loss)
        row: Row = {"K": K, "cost": cost, **{f"{name} lost": loss[name] for name in CAUSES}}
        table.append({**row, "competition": few.competition, "factor": few.factor, "agreement": few.agreement})
        table[-1] |= _of_labels(data, K)
    return table


def _trust(curve: Curve, tolerance: float, most: int) -> str:
    """How far the curve was off, and how many of the most negatives are measured."""
    said = f"The curve was off by {curve.error:.2f} points (root mean square) for arms that it was not fitted to"
    said += f" (points for each doubling of K by {curve.doubling_error:.2f})"
    said += ", more than the tolerance: check=true trains both." if curve.error > tolerance else "; check=true tells."
    return said + (f" Of {most:,} negatives {KEYS:,} are measured, more count as these." if most > KEYS else "")


def _along(found: dict[int, int | None], epochs: int) -> str:
    """What was found at the ends of epochs."""
    said = [f"{'no number' if K is None else f'K = {K}'} after {epoch}" for epoch, K in found.items()]
    if not said:
        return "Whether that has settled cannot be told: the pilot kept no checkpoint on its way; train it for longer."
    return f"On the pilot's way, by epoch of {epochs}: {', '.join(said)}."


def judged(table: list[Row], curve: Curve, tolerance: float) -> tuple[int | None, str]:
    """The smallest K that is enough, as are all larger ones, and the reason."""
    known = [row for row in table if row["cost"] is not None]
    if len(known) < 2:
        return None, (
            "No number: even half of the negatives loses more than any run that the curve was fitted to, at most "
            + ", ".join(f"{curve.reach[name]:.2f} of {name}" for name in CAUSES)
            + "."
        )
    below = [row["K"] for row in known if row["cost"] >= tolerance]
    fits = [row for row in known if row["K"] > max(below, default=0)]
    K, most, after = fits[0]["K"], table[-1]["K"], table[table.index(fits[0]) - 1]
    if most == K:
        return K, f"All {most} are needed: K = {after['K']} is predicted to cost {_points(after, tolerance, curve)}."
    said = f"K = {K} is predicted to cost {fits[0]['cost']:.2f} points of linear accuracy beside {most}"
    if table[0]["K"] == K:
        return K, f"{said}, within the tolerance of {tolerance:g}."
    return K, f"{said}, within the tolerance of {tolerance:g}, and K = {after['K']} {_points(after, tolerance, curve)}."


def _points(row: Row, tolerance: float, curve: Curve) -> str:
    """What a K that is not enough costs, and by which cause most."""
    if row["cost"] is None:
        return "more than the curve was fitted to"
    parts = {name: curve.points[name] * row[f"{name} lost"] for name in CAUSES}
    most = max(parts, key=lambda name: parts[name])
    return f"{row['cost']:.2f}, {parts[most]:.2f} of it by {most}"


def _of_labels(data: ViewsDataModule, K: int) -> Row:
    """Whether a query and its negatives have all classes, and how many negatives are of its own; nothing without."""
    labels = data.splits.pretrain.labels
    if labels is None or not data.splits.classes:
        return {}
    probs = (torch.bincount(labels[labels >= 0]).double() / (labels >= 0).sum()).numpy()
    probs = probs[probs > 0]
    return {"coverage": coverage_probability(K + 1, probs=probs), "collisions": K * float((probs**2).sum())}


def _figure(table: list[Row], curve: Curve, tolerance: float) -> Figure:
    """The predicted cost against K, split by cause, and the tolerance."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes, known = figure.subplots(), [row for row in table if row["cost"] is not None]
    at = [row["K"] for row in known]
    for name, color in zip(CAUSES, COLOURS, strict=False):
        values = [curve.points[name] * row[f"{name} lost"] for row in known]
        axes.plot(at, values, "o-", color=color, ms=4, label=name)
    axes.plot(at, [row["cost"] for row in known], "s-", color="black", ms=5, label="all three")
    axes.axhline(tolerance, color="0.5", linestyle="--", linewidth=1, label="tolerance")
    axes.set_xscale("log", base=2)
    axes.set_xticks(at, at)
    axes.minorticks_off()
    axes.set(xlabel="negatives K", ylabel="predicted cost in points of linear accuracy")
    axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    return figure
