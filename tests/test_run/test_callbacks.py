import math
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from contrastive_lab.config.resolve import resolve
from contrastive_lab.dataset import Batch
from contrastive_lab.errors import RunError
from contrastive_lab.run.callbacks import Clock, FiniteGuard, LastCheckpoint
from tests.conftest import TINY, only_run
from tests.test_method.batches import random_batch
from tests.test_run.test_resume import STEPS
from tests.test_run.test_train import Trained, Typed


def guarded_step(folder: Path, step: int, scaler: object = None, **values: float) -> None:
    """Show a guard one step with `values` in place of one number of views, loss or gradient."""
    guard = FiniteGuard(folder)
    trainer = SimpleNamespace(global_step=step, precision_plugin=SimpleNamespace(scaler=scaler))
    net = nn.Linear(3, 1)
    nn.init.ones_(net.weight)
    net.weight.grad = torch.tensor([[0.1, values.get("gradient", 0.0), -2.0]])
    batch: Batch = random_batch(step)
    batch.views[1][3, 2, 1, 0] = values.get("views", 0.0)
    guard.on_train_batch_start(trainer, net, batch, step)
    guard.on_before_backward(trainer, net, torch.tensor(values.get("loss", 1.0)))
    guard.on_before_optimizer_step(trainer, net, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", FiniteGuard.names)
def test_the_guard_names_step_and_tensor_and_keeps_what_the_step_began_with(
    name: str, value: float, tmp_path: Path
) -> None:
    guarded_step(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RunError, match=f"^not finite at step 1: {name}; lower base_lr or raise tau; ") as caught:
        guarded_step(tmp_path, 1, **{name: value})
    assert str(caught.value).endswith(f"; python scripts/replay.py run={tmp_path} names the module")
    kept = torch.load(tmp_path / "checkpoints" / "not_finite.ckpt", weights_only=True)
    assert kept["state_dict"]["weight"].tolist() == [[1, 1, 1]]
    assert kept["ids"].tolist() == list(range(8, 16))
    assert [kept[name] for name in ("global_step", "seed", "epoch", "step")] == [1, 0, 0, 1]


def test_what_a_step_began_with_is_never_there_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(kept: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        guarded_step(tmp_path, 1, loss=math.nan)
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_the_first_of_several_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not finite at step 3: loss"):
        guarded_step(tmp_path, 3, loss=math.nan, gradient=math.nan)


def test_a_gradient_that_a_scaler_will_leave_out_is_no_error(tmp_path: Path) -> None:
    guarded_step(tmp_path, 0, scaler=object(), gradient=math.inf)


def test_no_checkpoint_holds_what_is_not_finite(tmp_path: Path) -> None:
    guard, net = FiniteGuard(tmp_path), nn.Linear(2, 2)
    trainer = SimpleNamespace(global_step=5)
    guard.on_save_checkpoint(trainer, net, {})
    with torch.no_grad():
        net.bias[1] = math.inf
    with pytest.raises(RunError, match="not finite after step 4: bias"):
        guard.on_save_checkpoint(trainer, net, {})


def test_large_pixels_of_half_precision_are_no_overflow(tmp_path: Path) -> None:
    """The sum of 4 x 3 x 8192 ones times 2 is beyond float16, of which no number here is."""
    guard, batch = FiniteGuard(tmp_path), random_batch()._replace(views=[torch.full((4, 3, 8192), 2.0).half()])
    trainer = SimpleNamespace(global_step=1, precision_plugin=None)
    guard.on_train_batch_start(trainer, nn.Linear(1, 1), batch, 0)
    guard.on_before_optimizer_step(trainer, nn.Linear(1, 1), None)


def test_the_clock_counts_images_of_what_it_measured_and_goes_on_after_a_resume() -> None:
    clock, module = Clock(batch_size=8), SimpleNamespace(device=torch.device("cpu"))
    clock.load_state_dict({"seconds": 100.0, "images": 80})
    clock.on_train_start(SimpleNamespace(global_step=10), module)
    clock.on_train_epoch_end(SimpleNamespace(global_step=13), module)
    assert clock.images == 80 + 3 * 8
    assert 100 < clock.seconds < 101
    stored = clock.state_dict()
    assert (stored["seconds"], stored["images"]) == (clock.seconds, clock.images)
    assert 100 < stored["whole"] < 101  # an old checkpoint has the seconds of training alone
    clock.load_state_dict(stored | {"whole": 150.0})
    assert clock.before == 150


@pytest.mark.parametrize(  # of 63 keys 3 are few
    ("K", "sets", "resumes"), [(3, 1, False), (4, 1, True), (1, 3, False), (1, 4, True), (2, 2, True)]
)
def test_a_run_whose_negatives_were_drawn_in_another_way_is_not_resumed(
    K: int, sets: int, resumes: bool, compose: Callable[..., DictConfig], tmp_path: Path
) -> None:
    checkpoint: dict[str, Any] = {"global_step": 5}
    trainer, config = (
        SimpleNamespace(callback_metrics={}, loggers=[]),
        compose(f"K={K}", f"sets={sets}", "batch_size=64"),
    )
    callback = LastCheckpoint(tmp_path, config, resolve(config), "9-abc")
    callback.on_save_checkpoint(trainer, None, checkpoint)
    callback.on_load_checkpoint(trainer, None, checkpoint)
    del checkpoint["draws"]  # as in an older version
    with nullcontext() if resumes else pytest.raises(RunError, match="drew other negatives"):
        callback.on_load_checkpoint(trainer, None, checkpoint)


def test_the_time_of_a_run_is_that_of_its_process(tmp_path: Path, trained: Trained, line: Typed) -> None:
    """Else a run that was out of time would never have any again."""
    asked = (*TINY, *STEPS, "trainer.max_time=00:00:00:00", "hydra.run.dir=x", "checkpoint_every_n_steps=1")
    assert "stopped after 0 of 6 steps; python train.py resume=x goes on" in line(*asked).err
    assert not (tmp_path / "x" / "checkpoints" / "last.ckpt").is_file()
    trained("resume=x", "trainer.max_time=null")  # another time, or none
    trained(*TINY, *STEPS, "trainer.max_time=00:00:10:00", cwd=tmp_path / "other")
    checkpoint = torch.load(only_run(tmp_path / "other") / "checkpoints" / "last.ckpt", weights_only=True)
    assert "Timer" in checkpoint["callbacks"]
    loaded = {**checkpoint, "callbacks": dict(checkpoint["callbacks"])}
    config = OmegaConf.load(only_run(tmp_path / "other") / ".hydra" / "config.yaml")
    LastCheckpoint(tmp_path, config, resolve(config), loaded["data_hash"]).on_load_checkpoint(
        SimpleNamespace(loggers=[]), None, loaded
    )
    assert "Timer" not in loaded["callbacks"]
