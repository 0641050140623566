"""What a run prints: a banner, a progress bar, and a short summary with a verdict."""

from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.callbacks import TQDMProgressBar

from contrastive_lab import __version__
from contrastive_lab.config.check import effective_K, pool_size, processes
from contrastive_lab.config.paper import paper_differences
from contrastive_lab.diagnostics import verdict
from contrastive_lab.losses import eqco_margin, mi_estimate


def banner(config: DictConfig, images: int, folder: Path) -> str:
    """What is about to run."""
    K, N, optim = effective_K(config), config.batch_size, instantiate(config.optim, _convert_="all")
    alpha, pool = config.alpha or K, pool_size(config)
    source = f"a queue of {K}" if pool is None else f"K = {K} of the {pool} keys of the batch ({config.about.pool})"
    lines = [
        f"contrastive_lab {__version__}: {config.about.name} ({config.about.paper}) on {config.dataset.name}",
        f"negatives  {source}",
        f"loss       alpha = {alpha:g}, tau = {config.tau:g}, margin tau*log(alpha/K) = "
        f"{eqco_margin(K, alpha, config.tau):.4f}; log(1 + alpha) = {mi_estimate(0.0, alpha):.3f}",
        f"steps      N = {N} of {images:,} images, {images // N} steps an epoch, {config.epochs} epochs, "
        f"{processes(config)} process(es)",
        f"rate       {optim.rule} = {optim.lr:g}, {optim.kind}, {optim.schedule}",
        f"encoder    {config.backbone.name}, head {config.head.kind}, batchnorm {config.batchnorm.kind}",
        f"folder     {folder}",
    ]
    if differing := paper_differences(config):
        lines.append(f"not as in the paper: {', '.join(differing)}")
    if pool is None and images < K:
        lines.append(f"notice: the queue of {K} is longer than the {images} images; it holds older keys of each image")
    return "\n".join(lines)


def summary(config: DictConfig, result: dict[str, Any], values: dict[str, float], folder: Path) -> str:
    """What came out."""
    lines = [f"{result['method']} K={result['K']} alpha={result['alpha']:g} seed={result['seed']}: {result['status']}"]
    lines += _accuracies(config, result)
    if result["loss"] is not None:
        baseline = mi_estimate(0.0, result["alpha"])
        lines += [
            f"loss       {result['loss']:.4f}, the mean of the last epoch; {baseline:.4f} where all cosines are equal",
            f"MI         estimate log(1 + alpha) - loss = {result['mi_estimate']:.3f} nats",
            f"speed      {result['images_per_second']:.0f} images/s in training; {result['seconds']:.0f} s in all",
        ]
    if "effective_rank" in values:
        lines.append(f"rank       {values['effective_rank']:.1f} of {values['dimensions']:.0f} dimensions in use")
        lines.append(f"verdict    {verdict(values)}")
    return "\n".join([*lines, f"folder     {folder}"])


def _accuracies(config: DictConfig, result: dict[str, Any]) -> list[str]:
    asked, neighbours = config.evaluation.name, config.probes.knn
    if result[f"{asked}_top1"] is None:
        return ["notice: no labelled test images, so nothing was probed"]
    lines = [f"{asked:<10} {result[f'{asked}_top1']:.2f} % top-1 (offline, frozen features, final value)"]
    if result["knn_top1"] is not None and asked != "knn":
        lines.append(
            f"kNN        {result['knn_top1']:.2f} % (k = {neighbours.k}, temperature {neighbours.temperature:g})"
        )
    if result["online_top1"] is not None:
        lines.append(f"online     {result['online_top1']:.2f} % (probe trained beside the encoder)")
    return lines


class Progress(TQDMProgressBar):
    """Lightning's bar without its version number, refreshed often enough to watch and rarely enough to cost nothing."""

    def get_metrics(self, *args: Any, **kwargs: Any) -> dict[str, int | str | float | dict[str, float]]:
        """Loss and accuracies."""
        metrics = super().get_metrics(*args, **kwargs)
        metrics.pop("v_num", None)
        return metrics
