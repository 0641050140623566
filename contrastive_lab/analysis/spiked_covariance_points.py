"""The points of `theory=spiked_covariance`: what is measured at one setting, averaged over models."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import torch

from contrastive_lab.analysis.result import Row
from contrastive_lab.randomness import generator
from contrastive_lab.theory.spiked.downstream import bases, downstream_errors, draw_task, features, orthogonal_tasks
from contrastive_lab.theory.spiked.model import (
    Spiked,
    autoencoder_loss,
    best_contrastive,
    contrastive_loss,
    contrastive_matrix,
    descend,
    off_diagonal,
    sine_distance,
    spiked,
    subspace,
)

ERRORS = ("source_mse", "source_accuracy", "transfer_mse", "transfer_accuracy")


@dataclass(frozen=True)
class Setting:
    """Where the models of one point come from: n samples of d coordinates, r of them signal; see `spiked`."""

    part: str
    noise: str
    n: int
    d: int
    r: int

    def models(self, nu: float, seeds: int) -> Iterator[tuple[Spiked, torch.Generator]]:
        """A model for each seed, the same for every part, noise and n, and where its samples are drawn from."""
        for seed in range(seeds):
            source = generator(seed, "spiked", self.d, self.r)
            yield spiked(self.d, self.r, self.noise, source, nu), source


def sine_rows(setting: Setting, nu: float, seeds: int) -> list[Row]:
    """A row for AE and for CL: sine distance to U, its standard deviation over the models, and that of n = infinity."""
    found: dict[str, list[tuple[float, float]]] = {"AE": [], "CL": []}
    for model, source in setting.models(nu, seeds):
        x, _ = model.sample(setting.n, source)
        matrices = {
            "AE": (torch.cov(x.T), model.covariance()),
            "CL": (contrastive_matrix(x), off_diagonal(model.signal())),
        }
        for method, (sample, population) in matrices.items():
            distances = (sine_distance(model.U, subspace(M, setting.r)) for M in (sample, population))
            found[method].append((next(distances), next(distances)))
    rows = []
    for method, pairs in found.items():
        sines, limits = zip(*pairs, strict=True)
        spread = statistics.stdev(sines) if seeds > 1 else None
        facts = {"sine": statistics.fmean(sines), "sine_std": spread, "sine_limit": statistics.fmean(limits)}
        rows.append({**asdict(setting), "method": method, **facts})
    return rows


def downstream_rows(setting: Setting, nu: float, seeds: int, dims: Sequence[int], labels: int, mix: float) -> list[Row]:
    """A row for each method and number of features: mean squared error and accuracy of the source and transfer task."""
    found: dict[tuple[int, str], list[tuple[float, ...]]] = {}
    for model, source in setting.models(nu, seeds):
        tasks = orthogonal_tasks(setting.r, source)
        matrices = features(model, tasks[0], setting.n, mix, source)
        readouts = [(w, *draw_task(model, w, labels, source)) for w in tasks]
        for k in dims:
            for method, V in bases(matrices, model, k).items():
                errors = [downstream_errors(model, V, *readout) for readout in readouts]
                found.setdefault((k, method), []).append((*errors[0], *errors[1]))
    return [
        {
            **asdict(setting),
            "features": k,
            "method": method,
            **dict(zip(ERRORS, map(statistics.fmean, zip(*errors, strict=True)), strict=True)),
        }
        for (k, method), errors in found.items()
    ]


def descent(setting: Setting, nu: float, steps: int) -> dict[str, float]:
    """How far `steps` of gradient descent end above the closed forms, as a share of the lowest loss.

    The first model of the setting; loss of the autoencoder and the contrastive loss, lam = 1.
    """
    model, source = next(setting.models(nu, 1))
    x, _ = model.sample(setting.n, source)
    M, covariance = contrastive_matrix(x), torch.cov(x.T)
    start = 0.1 * torch.randn(2, setting.r, setting.d, generator=source, dtype=torch.float64)
    values = torch.linalg.eigvalsh(covariance)
    lowest = {"AE": float(values[: -setting.r].sum()), "CL": best_contrastive(M, setting.r)[1]}
    lr = 0.1 / float(values[-1])  # the curvature at the minimum is at most 4 times the largest eigenvalue
    reached = {
        "AE": descend(lambda W: autoencoder_loss(W, covariance), start, lr, steps)[1],
        "CL": descend(lambda W: contrastive_loss(W, M), start[0], lr, steps)[1],
    }
    return {f"descent_gap_{name}": (reached[name] - low) / abs(low) for name, low in lowest.items()}
