"""A detector that learns, and the same numbers in two processes."""

import math
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import multiprocessing

pytest.importorskip("pycocotools", reason='average precision needs pycocotools: pip install "contrastive-lab[detect]"')

from contrastive_lab.backbone import small_resnet
from contrastive_lab.batchnorm import convert
from contrastive_lab.dataset import Arrays, embedded
from contrastive_lab.detect.canvases import Canvases
from contrastive_lab.detect.data import SceneDataModule
from contrastive_lab.detect.module import DetectionModule
from contrastive_lab.detect.network import Detector, Sizes, stages
from contrastive_lab.detect.precision import detector_precision
from contrastive_lab.distributed import world_size
from contrastive_lab.optim import Optim
from contrastive_lab.run.console import quiet
from tests.small_scenes import LAYOUT, detector, scenes


def fitted(module: DetectionModule, data: SceneDataModule, **options: Any) -> pl.Trainer:
    told: Any = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    with quiet():
        made = pl.Trainer(**told, accelerator="cpu", use_distributed_sampler=False, **options)
        made.fit(module, data)
    return made


@pytest.mark.long
def test_twenty_canvases_are_learnt_by_heart() -> None:
    torch.manual_seed(0)
    sizes = Sizes(channels=32, hidden=64, anchor_scale=4.0, anchors=64, rois=32, proposals=100, test_proposals=50)
    module = DetectionModule(Detector(stages(small_resnet((16, 32, 64))), 10, sizes, [0.3], [0.4]), Optim(0.64, 5))
    images = embedded()
    assert isinstance(images.train, Arrays)
    own = Canvases(images.train, 20, LAYOUT, (0,), images.names)
    data = SceneDataModule(own, own, 5)
    before = detector_precision(module.detector, data)["AP"]
    losses = []

    class Kept(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            losses.append(float(module.epoch_loss[0] / module.epoch_loss[1]))

    fitted(module, data, max_epochs=60, callbacks=[Kept()])
    after = detector_precision(module.detector, data)
    assert losses[-1] < losses[0] / 2, losses
    assert before < 5 and after["AP50"] > 50, after


def steps(count: int) -> list[float]:
    """Losses of some steps in float64, with the weights that they end with."""
    module = DetectionModule(convert(detector().double(), "sync", world_size=world_size()), Optim(0.32, 4))
    data, losses = scenes(), []
    optimizer = torch.optim.SGD(module.parameters(), 0.01)
    for drawn in [*data.positions(0), *data.positions(1)][:count]:
        images = [one.image.double() / 255 for one in drawn.scenes]
        targets = [one.target | {"boxes": one.target["boxes"].double()} for one in drawn.scenes]
        parts = module.detector.losses(images, targets, data.step_random(drawn.epoch, drawn.step))
        loss = torch.stack([*parts.values()]).sum()
        optimizer.zero_grad()
        loss.backward()
        total = loss.detach()
        if world_size() > 1:
            for parameter in module.parameters():
                torch.distributed.all_reduce(parameter.grad)
                parameter.grad /= world_size()
            torch.distributed.all_reduce(total)
        optimizer.step()
        losses.append(float(total) / world_size())
    return [*losses, *(float(p.detach().sum()) for p in module.parameters())]


def in_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    file = f"file://{folder}/meeting"
    torch.distributed.init_process_group("gloo", init_method=file, rank=rank, world_size=2)
    found = steps(3)
    if rank == 0:
        torch.save(found, Path(folder) / "found.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.long
def test_two_processes_take_the_steps_of_one_in_float64(tmp_path: Path) -> None:
    multiprocessing.spawn(in_two, args=(str(tmp_path),), nprocs=2)
    together = torch.load(tmp_path / "found.pt")
    alone = steps(3)
    assert together[:3] == pytest.approx(alone[:3], rel=1e-7)  # torchvision's loss of objectness is of 32 bits
    assert together[3:] == pytest.approx(alone[3:], rel=1e-9, abs=1e-9)
    assert all(map(math.isfinite, together))


def test_a_step_logs_the_four_losses_and_the_rate() -> None:
    module = DetectionModule(detector(), Optim(0.32, 4, schedule="steps", milestones=[0.5]))
    made = fitted(module, scenes(), max_epochs=2, log_every_n_steps=1)
    told = {name: float(value) for name, value in made.logged_metrics.items()}
    parts = [told[f"loss_{name}"] for name in ("objectness", "proposals", "classes", "boxes")]
    assert sum(parts) == pytest.approx(told["loss"], rel=1e-5)
    assert told["lr"] == pytest.approx(0.32 * 4 / 256 / 10)
