import math
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from contrastive_lab.config.resolve import resolve
from contrastive_lab.dataset import Batch
from contrastive_lab.errors import RunError
from contrastive_lab.run.callbacks import Clock, FiniteGuard, LastCheckpoint
from tests.test_method.batches import random_batch


def guarded_step(guard: FiniteGuard, step: int, scaler: object = None, **values: float) -> None:
    """Show the guard one step with `values` in place of one number of views, features, loss or gradient."""
    trainer = SimpleNamespace(global_step=step + 1, precision_plugin=SimpleNamespace(scaler=scaler))
    net = nn.Linear(3, 1)
    net.weight.grad = torch.tensor([[0.1, values.get("gradient", 0.0), -2.0]])
    guard.on_before_optimizer_step(trainer, net, None)
    features = torch.ones(4, 3)
    features[2, 1] = values.get("features", 0.0)
    batch: Batch = random_batch()
    batch.views[1][3, 2, 1, 0] = values.get("views", 0.0)
    outputs: dict[str, Tensor] = {"loss": torch.tensor(values.get("loss", 1.0)), "features": features}
    guard.on_train_batch_end(trainer, net, outputs, batch, step)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", FiniteGuard.names)
def test_the_guard_names_step_and_tensor(name: str, value: float) -> None:
    guard = FiniteGuard(every_n_steps=1)
    guarded_step(guard, 0)
    with pytest.raises(RunError, match=f"^not finite at step 1: {name}; lower base_lr or raise tau$"):
        guarded_step(guard, 1, **{name: value})


def test_the_guard_looks_at_its_flags_every_n_steps_and_names_the_first() -> None:
    guard = FiniteGuard(every_n_steps=4)
    for step, values in enumerate(({}, {"loss": math.nan, "features": math.inf}, {"views": math.nan})):
        guarded_step(guard, step, **values)
    with pytest.raises(RunError, match="not finite at step 1: features"):
        guarded_step(guard, 3)


def test_a_gradient_that_a_scaler_will_leave_out_is_no_error() -> None:
    guard = FiniteGuard(every_n_steps=1)
    guarded_step(guard, 0, scaler=object(), gradient=math.inf)


def test_no_checkpoint_holds_what_is_not_finite() -> None:
    guard, net = FiniteGuard(every_n_steps=1), nn.Linear(2, 2)
    trainer = SimpleNamespace(global_step=5)
    guard.on_save_checkpoint(trainer, net, {})
    with torch.no_grad():
        net.bias[1] = math.inf
    with pytest.raises(RunError, match="not finite after step 4: bias"):
        guard.on_save_checkpoint(trainer, net, {})


def test_large_cosines_of_half_precision_are_no_overflow() -> None:
    """The sum of 4 x 3 x 8192 ones times 2 is beyond float16, of which no number here is."""
    guard, batch = FiniteGuard(every_n_steps=1), random_batch()._replace(views=[torch.full((4, 3, 8192), 2.0).half()])
    trainer = SimpleNamespace(global_step=1)
    guard.on_train_batch_end(trainer, nn.Linear(1, 1), {"loss": torch.ones(()), "features": batch.views[0]}, batch, 0)


def test_the_clock_counts_images_of_what_it_measured_and_goes_on_after_a_resume() -> None:
    clock, module = Clock(batch_size=8), SimpleNamespace(device=torch.device("cpu"))
    clock.load_state_dict({"seconds": 100.0, "images": 80})
    clock.on_train_start(SimpleNamespace(global_step=10), module)
    clock.on_train_epoch_end(SimpleNamespace(global_step=13), module)
    assert clock.images == 80 + 3 * 8
    assert 100 < clock.seconds < 101
    assert clock.state_dict() == {"seconds": clock.seconds, "images": clock.images}


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
