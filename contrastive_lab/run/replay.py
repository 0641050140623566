"""Repeat the step at which a run met its first NaN or infinity, and name where that comes from."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from contrastive_lab.config.detect import is_detect
from contrastive_lab.detect.module import DetectionModule
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.record.checkpoint import NOT_FINITE
from contrastive_lab.run.build import accelerator, build_data, build_method
from contrastive_lab.run.console import quiet
from contrastive_lab.run.detect import build_module
from contrastive_lab.run.scenes import build_scenes
from contrastive_lab.run.start import tensors_of


def replay(folder: Path, config: DictConfig) -> str:
    """Repeat the step in one process, in the run's precision; returns a line that names the first module.

    ConfigError if the run met no such step; RunError if its data are others now.
    """
    if not (folder / NOT_FINITE).is_file():
        raise ConfigError(f"run={folder}: met no NaN or infinity (no {NOT_FINITE} in it)")
    kept = tensors_of(folder / NOT_FINITE)
    data, module = _built(config)
    with quiet():
        trainer = pl.Trainer(
            precision=config.trainer.precision, accelerator=accelerator(config), devices=1, logger=False
        )
    trainer.precision_plugin.convert_module(module).to(trainer.strategy.root_device)
    module.load_state_dict(kept["state_dict"])
    position = next(data.positions(kept["epoch"], kept["step"]))
    if not position.ids.equal(kept["ids"]):
        raise RunError(f"run={folder}: the step had other images than the data set gives now")
    found = first_not_finite(module, lambda: _loss(trainer, module, data, position))
    return f"step {kept['global_step']}: {found or 'all is finite in one process on this machine'} ({folder})"


def _built(config: DictConfig) -> tuple[Any, pl.LightningModule]:
    """The data and the untrained module of a run."""
    if is_detect(config):
        scenes = build_scenes(config)
        return scenes, build_module(config, scenes)
    data = build_data(config)
    return data, build_method(config, data)


def _loss(trainer: pl.Trainer, module: pl.LightningModule, data: Any, position: Any) -> Tensor:
    dtype = cast(torch.dtype, module.dtype)
    with trainer.precision_plugin.forward_context():
        if isinstance(module, DetectionModule):
            return torch.stack([*module(data.batch(position, module.device, dtype)).values()]).sum()
        loss: Tensor = module(data.batch(position._replace(ids=position.ids.to(module.device)), dtype))[1].mean()
    return loss


def first_not_finite(net: nn.Module, loss: Callable[[], Tensor]) -> str | None:
    """Compute `loss()` of a network and its gradient; names what is not finite first, None if all is.

    In the forward pass that is a module's output, where its own modules come before it, else the loss; in the backward
    pass the gradient of an output, as it comes from what follows that module, else of a parameter.
    """
    found: list[str] = []

    def look(value: Tensor | None, what: str) -> None:
        if value is not None and not value.isfinite().all():
            found.append(what)

    with _outputs(net, look):
        value = loss()
        look(value.detach(), "loss")
        value.backward()
    for name, parameter in net.named_parameters():
        look(parameter.grad, f"gradient of {name}")
    return found[0] if found else None


@contextmanager
def _outputs(net: nn.Module, look: Callable[[Tensor, str], None]) -> Iterator[None]:
    """Show each output of a network's modules to `look` when it is made, and its gradient when that is."""

    def hook(module: nn.Module, output: Any, name: str) -> None:
        what = f"{name} ({type(module).__name__})"
        for value in _tensors(output):
            look(value.detach(), f"output of {what}")
            if value.requires_grad:
                value.register_hook(lambda gradient: look(gradient, f"gradient of the output of {what}"))

    with ExitStack() as stack:
        for name, module in net.named_modules():
            if name:
                handle = module.register_forward_hook(lambda module, _, output, name=name: hook(module, output, name))
                stack.callback(handle.remove)
        yield


def _tensors(output: Any) -> Iterator[Tensor]:
    """The tensors of numbers with fractions in what a module returns."""
    if isinstance(output, Tensor) and output.is_floating_point():
        yield output
    elif isinstance(output, tuple | list):
        for part in output:
            yield from _tensors(part)
