"""A training step as `train` makes it, beside the bare passes of the same method through the same networks."""

import copy
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from omegaconf import DictConfig

from contrastive_lab.bench.beside import Beside
from contrastive_lab.bench.turns import ratio
from contrastive_lab.config.devices import no_compiler
from contrastive_lab.config.overrides import composed
from contrastive_lab.config.resolve import resolve
from contrastive_lab.config.schema import register
from contrastive_lab.dataset import ViewsDataModule
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.momentum import KeyEncoder
from contrastive_lab.record.speed import Outcome, Row
from contrastive_lab.run.build import build_data, build_method
from contrastive_lab.run.console import quiet
from contrastive_lab.run.train import build_trainer

ACCELERATORS = {"cpu": "cpu", "cuda": "gpu"}
Step = Callable[[], None]


def run(
    lines: Sequence[str], settings: Sequence[str], batch: int, size: int, steps: int, device: str, rounds: int
) -> Outcome:
    """Seconds of a step of each line of `train`, e.g. "method=simo K=16", and of its bare passes.

    The images are random bytes, as large as CIFAR's for a `size` of 32, without labels and so without probes. What is
    measured is all that Lightning does between two batches: views, loss, logs, a row of diagnostics as often as the
    line asks for one. `settings` are of every line; the bare passes know nothing of them but the networks' shape.
    """
    rows, lacking = [], no_compiler() if device == "cpu" else None
    with TemporaryDirectory() as folder:
        asked = [config_of([*line.split(), *settings], folder, batch, size, device) for line in lines]
        configs = [config for config in asked if lacking is None or not config.strategy.compile]
        write_images(folder, batch * steps * (rounds + 1), size)
        for number, config in enumerate(configs):
            (own := Path(folder, str(number))).mkdir()
            ours, bare, *compiled = side_by_side(config, own, steps, device)
            found: dict[str, float | None] = {"bare s": statistics.median(bare), "ours s": statistics.median(ours)}
            found |= {"ratio to compiled": ratio(ours, *compiled)["ratio"]} if compiled else {}
            rows.append(Row(case=case(config), values=found | ratio(ours, bare)))
    notes = [f"N = {batch}, {size} pixels, {steps} steps a turn, {rounds} turns"]
    notes += [f"strategy.compile=true: {lacking}"] if len(configs) < len(asked) else []
    return Outcome(rows=rows, told=["ratio", "ratio to compiled"], notes=notes)


def config_of(overrides: Sequence[str], folder: str, batch: int, size: int, device: str) -> DictConfig:
    """The configuration of a line of `train` on the images of `write_images`, an epoch long, or a ConfigError."""
    check_device(device)
    register()
    own = ["dataset=arrays", f"dataset.root={folder}", f"dataset.size={size}", f"batch_size={batch}", "epochs=1"]
    own += [f"strategy.accelerator={ACCELERATORS[device]}", "trainer.enable_progress_bar=false"]
    return composed([*own, *overrides])


def check_device(device: str) -> None:
    """Raise a ConfigError where there is no such device."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: this machine has no GPU that torch can use; --device cpu")


def write_images(folder: str, count: int, size: int) -> None:
    """Write so many random colour images to a folder, as `dataset=arrays` reads them."""
    images = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    np.save(Path(folder) / "train_images.npy", images)


def case(config: DictConfig) -> str:
    """What a row is called, e.g. "SiMo, K = 16, compiled"."""
    K = resolve(config).K
    parts = [str(config.method_info.name), *([f"K = {K:,}"] if K is not None else [])]
    return ", ".join([*parts, *(["compiled"] if config.strategy.compile else [])])


def side_by_side(config: DictConfig, folder: Path, steps: int, device: str) -> list[list[float]]:
    """Seconds of a step of a run, in a folder of its own, and of its bare passes, for each turn of so many steps.

    Of a run that is compiled a third list has the bare passes compiled.
    """
    data = build_data(config)
    method = build_method(config, data, start=True)
    kinds = [False, True] if config.strategy.compile else [False]
    bare = [bare_step(method, config, device, compiled) for compiled in kinds]
    beside = Beside([partial(_repeat, step, steps) for step in bare], steps)
    fit_beside(config, method, data, folder, beside)
    return [[seconds / steps for seconds in times] for times in beside.seconds]


def _repeat(step: Step, times: int) -> None:
    for _ in range(times):
        step()


def fit_beside(
    config: DictConfig, method: ContrastiveModule[Any], data: ViewsDataModule, folder: Path, beside: Beside
) -> None:
    """Train as `train` does, with others that take turns."""
    with quiet():
        trainer, _ = build_trainer(config, resolve(config), folder, data, method.encoder.features, [])
        trainer.callbacks.append(beside)  # type: ignore[attr-defined]  # behind all others
        trainer.precision_plugin.convert_module(method)
        trainer.fit(method, data)


def bare_step(method: ContrastiveModule[Any], config: DictConfig, device: str, compiled: bool = False) -> Step:
    """The passes that a step of a method cannot do without, on copies of its networks.

    They are: forward and backward of the query encoder on as many images as the method has it see, from a gradient that
    is given, the optimizer, and for a method with a key encoder its forward pass without gradient and its average.
    With `compiled` torch.compile makes the passes.
    """
    encoder, keys = (
        copy.deepcopy(method.encoder).to(device),
        cast(KeyEncoder | None, getattr(method, "key_encoder", None)),
    )
    follower = None if keys is None else copy.deepcopy(keys).to(device)
    for each in [encoder, *([] if follower is None else [cast(Encoder, follower.encoder)])]:
        if compiled:
            each.compile_training()
    rows = config.batch_size * (config.method_info.views - (follower is not None))
    images = torch.randn(rows, 3, config.dataset.size, config.dataset.size, device=device)
    gradient = torch.randn(rows, encoder.dim, device=device) / rows
    optimizer = method.optim.configure(encoder, steps=1000, steps_per_epoch=1000)["optimizer"]

    def step() -> None:
        optimizer.zero_grad()
        encoder(images)[1].backward(gradient)
        optimizer.step()
        if follower is not None:
            with torch.no_grad():
                follower.encoder(images)
            follower.follow(encoder)

    return step
