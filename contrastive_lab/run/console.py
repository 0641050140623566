"""What a run prints: a banner, and a short summary with a verdict."""

import logging
import math
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from contrastive_lab import __version__
from contrastive_lab.config.identity import beside_infonce
from contrastive_lab.config.paper import paper_differences
from contrastive_lab.config.resolve import Resolved, epoch_steps, run_steps
from contrastive_lab.config.signature import loss_takes
from contrastive_lab.config.values import with_arch
from contrastive_lab.dataset import Splits
from contrastive_lab.diagnostics import verdict
from contrastive_lab.losses import eqco_margin, mi_estimate
from contrastive_lab.own_class import own_of
from contrastive_lab.record.result import Result


def banner(config: DictConfig, resolved: Resolved, splits: Splits, folder: Path, short: bool = False) -> str:
    """Return the lines on what is about to run, and on what; of a job behind others of a sweep what matters alone."""
    images, N, method = len(splits.pretrain), config.batch_size, config.method_info
    optim, negatives = instantiate(config.optim, _convert_="all"), _negatives(config, resolved)
    lines = [
        f"contrastive_lab {__version__}: {method.name} ({method.paper}) on {config.dataset.name}",
        *negatives,
        f"steps      N = {N} of {images:,} {resolved.kind}, {told_steps(config, images)}, "
        f"{resolved.processes} process(es)",
        f"labels     {_labels(splits)}",
        f"optimizer  {optim.kind}, learning rate {optim.rule} = {optim.lr:g}, {optim.schedule}",
        f"encoder    {_encoder(config)}, head {config.head.kind}, batchnorm {config.batchnorm.kind}{_passes(config)}",
        f"folder     {folder}",
    ]
    if short:
        lines = [line for line in negatives if line.startswith("LABELS")]
    elif differing := paper_differences(config, resolved.kind):
        lines.append(f"not as in the paper: {', '.join(differing)}")
    if method.pool == "queue" and images < config.K * config.sets:
        longer = f"the queue of {config.K * config.sets} is longer than the {images} {resolved.kind}"
        lines.append(f"notice: {longer}; it holds older keys of each")
    notices = [*splits.notices, *few_neighbours(config.probes.knn.k, splits)]
    return fitted([*lines, *(f"notice: {notice}" for notice in notices)])


def told_steps(config: DictConfig, images: int) -> str:
    """How long a run on so many images is, e.g. "19 steps an epoch, 5 epochs, stops after 7 of 95 steps"."""
    each = epoch_steps(images, config.batch_size, config.trainer.limit_train_batches)
    most = int(config.trainer.fast_dev_run or 0) or config.trainer.max_steps
    steps, whole = run_steps(each, config.epochs, most), each * config.epochs
    stop = f", stops after {steps} of {whole} steps" if steps < whole else ""
    return f"{each} steps an epoch, {config.epochs} epochs{stop}"


def starts_from(config: DictConfig) -> str | None:
    """What the backbone starts from: a path, "pretrained" for a library's own weights; None from scratch."""
    weights = config.get("weights") or ("pretrained" if config.backbone.get("pretrained") else None)
    return None if weights is None else str(weights)


def _encoder(config: DictConfig) -> str:
    start, name = starts_from(config), with_arch(config.backbone.name, config.backbone.get("arch"))
    return str(name) if start is None else f"{name} {start}" if start == "pretrained" else f"{name} from {start}"


def _passes(config: DictConfig) -> str:
    """How the encoder's passes are made, where that is not in plain single precision."""
    precision = config.trainer.precision
    told = [] if precision == "32-true" else [str(precision)]
    return "".join(f", {each}" for each in [*told, *(["compiled"] if config.strategy.get("compile") else [])])


def few_neighbours(k: int, splits: Splits) -> list[str]:
    """That kNN's k is more than there are labelled images to vote; nothing where it is not."""
    voters = len(splits.train) if splits.probed and splits.train is not None else k
    return (
        [] if voters >= k else [f"kNN's k = {k} is more than the {voters} labelled training images: all of them vote"]
    )


def at_chance(splits: Splits, result: Result, steps: int) -> list[str]:
    """That the probe of so many steps is no better than chance, by two standard errors; nothing where it is better.

    Chance is the accuracy of who always names the commonest class of the test images.
    """
    top1 = result.scores.get("online_top1")
    if top1 is None or splits.test is None or splits.test.labels is None:
        return []
    chance, tested = float(splits.test.labels.bincount().max()) / len(splits.test), len(splits.test)
    if top1 / 100 > chance + 2 * math.sqrt(chance * (1 - chance) / tested):
        return []
    told = f"{steps} step{'s' * (steps != 1)}; the online probe is at {top1:.0f} % where chance is {100 * chance:.0f} %"
    return [fitted([f"notice: {told}; more epochs or smaller batches make more steps"])]


def fitted(lines: Iterable[str]) -> str:
    """Lines of at most 80 columns, further ones of each below its text; a path stays whole behind its word."""
    look: Any = {"subsequent_indent": " " * len("folder     "), "break_long_words": False, "break_on_hyphens": False}
    return "\n".join(line if line.startswith("folder ") else textwrap.fill(line, 80, **look) for line in lines)


def _labels(splits: Splits) -> str:
    if not splits.classes:
        return "none"
    tested = f"{len(splits.test):,} to test" if splits.probed and splits.test else "none to test"
    return f"{splits.classes} classes, {tested}"


def _negatives(config: DictConfig, resolved: Resolved) -> list[str]:
    K, pool = resolved.K, resolved.pool
    if K is None:
        text = "cross-entropy" if config.method_info.get("classifier") else f"no negatives, tau = {config.tau:g}"
        return [f"loss       {text}"]
    sets = f"{config.sets} sets of " if config.sets > 1 else ""
    where = f"a queue of {sets}{K}" if pool is None else f"{sets}K = {K} of {pool} keys ({config.method_info.pool})"
    lines = [f"negatives  {where}", f"loss       {_loss(config, K, resolved.alpha)}"]
    if (share := config.own_class_share) is not None:
        lines.append(f"LABELS ARE USED: {own_of(K, share)} of a query's {K} negatives are of its own class")
    return lines


def _loss(config: DictConfig, K: int, alpha: float | None) -> str:
    """The loss with its settings; margin and log(1 + alpha) are those of InfoNCE alone."""
    name = config.loss.name
    told = ["its own"] if config.method_info.get("own_loss") else [] if name == "info_nce" else [str(name)]
    told += [] if alpha is None else [f"alpha = {alpha:g}"]
    told += [] if name == "spectral" or not loss_takes(config, "tau") else [f"tau = {config.tau:g}"]
    told += [f"{key} = {value}" for key, value in config.loss.items() if key not in ("name", "_target_")]
    told += [f"{key} = {config[key]:g}" for key in ("remember", "dclw_sigma") if config[key] is not None]
    text = ", ".join(told)
    if name != "info_nce" or alpha is None:
        return text
    if alpha == math.inf:
        kind = "SogCLR" if config.remember is not None else "DCL" if config.dclw_sigma is None else "DCLW"
        return f"{text} ({kind}: no margin, no estimate of the mutual information)"
    margin, ceiling = eqco_margin(K, alpha, config.tau), mi_estimate(0.0, alpha)
    return f"{text}, margin tau*log(alpha/K) = {margin:.4f}; log(1 + alpha) = {ceiling:.3f}"


def summary(
    config: DictConfig, resolved: Resolved, result: Result, values: dict[str, float], steps: int, folder: Path
) -> str:
    """Return the lines on accuracies, speed and folder after so many steps."""
    return fitted(_summary(config, resolved, result, values, steps, folder))


def short_summary(config: DictConfig, resolved: Resolved, result: Result, values: dict[str, float], steps: int) -> str:
    """The same of a job of a sweep: a line, and one more where the representation has collapsed."""
    kinds = dict.fromkeys((config.evaluation.name, "knn", "online"))
    scores = {kind: result.scores.get(f"{kind}_top1") for kind in kinds}
    told = [f"{kind} {score:.2f} %" for kind, score in scores.items() if score is not None]
    told += [] if result.loss is None else [f"loss {result.loss:.4f}"]
    told += [] if result.seconds is None else [f"{result.seconds:.0f} s"]
    bad = [line for line in _summary(config, resolved, result, values, steps, Path()) if "COLLAPSED" in line]
    return fitted([f"done       {', '.join(told)}", *bad])


def _summary(
    config: DictConfig, resolved: Resolved, result: Result, values: dict[str, float], steps: int, folder: Path
) -> list[str]:
    told = {"K": result.K, "alpha": result.alpha, "seed": result.seed}
    known = [f"{name}={value:g}" for name, value in told.items() if value is not None]
    known += [f"{name}={value}" for name, value in beside_infonce(config).items()]
    lines = [f"{result.method} {' '.join(known)}: {result.status}", *_accuracies(config, result.scores)]
    if result.mi_estimate is not None and result.alpha is not None:
        equal = mi_estimate(0.0, result.alpha)
        lines.append(f"MI         estimate log(1 + alpha) - loss = {result.mi_estimate:.3f} of {equal:.3f} nats")
    elif result.K is not None and result.loss is not None:
        lines.append(f"MI         no estimate: undefined with {_without_mi(config)}")
    if result.loss is not None:
        speed = f"{result.images_per_second:.0f} {resolved.kind}/s in training"
        lines.append(f"loss       {result.loss:.4f}, the mean of the last epoch")
        lines.append(f"speed      {speed}; {result.seconds:.0f} s in all")
    if "effective_rank" in values:
        lines.append(f"rank       {values['effective_rank']:.1f} of {values['dimensions']:.0f} dimensions in use")
        share, K = config.own_class_share, result.K or 1
        others = 1.0 if share is None else 1 - own_of(K, share) / K
        lines.append(f"verdict    {verdict(values, steps, others, config.method.get('momentum', 0.0))}")
    return [*lines, f"folder     {folder}"]


def _without_mi(config: DictConfig) -> str:
    """The setting for which log(1 + alpha) - loss estimates no mutual information."""
    if config.method_info.get("own_loss"):
        return f"the loss of {config.method_info.name}"
    if config.loss.name != "info_nce":
        return f"loss={config.loss.name}"
    return "alpha=inf" if config.alpha == math.inf else "method.proximal"


def _accuracies(config: DictConfig, scores: dict[str, Any]) -> list[str]:
    asked, neighbours = config.evaluation.name, config.probes.knn
    if scores.get(f"{asked}_top1") is None:
        return ["notice: no labelled test images, so nothing was probed"]
    how = "trained with the encoder" if asked == "classifier" else "offline, frozen features"
    lines = [f"{asked:<10} {scores[f'{asked}_top1']:.2f} % top-1 ({how}, final value)"]
    if scores.get("knn_top1") is not None and asked != "knn":
        settings = f"k = {neighbours.k}, temperature {neighbours.temperature:g}"
        lines.append(f"kNN        {scores['knn_top1']:.2f} % ({settings})")
    if scores.get("online_top1") is not None:
        lines.append(f"online     {scores['online_top1']:.2f} % (probe trained beside the encoder)")
    return lines


@contextmanager
def quiet() -> Iterator[None]:
    """Hide messages of Lightning, and of torch.compile on a GPU that is not there, but for errors."""
    names = ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "torch.utils.cpp_extension")
    levels = {logger: logger.level for logger in map(logging.getLogger, names)}
    for logger in levels:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # DDP's, of a 1 x 1 convolution's gradient, whose numbers are right
            warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
            warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric|torch\.utils)\..*")
            yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
