from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytorch_lightning as pl
import torch

from contrastive_lab.augment import Recipe
from contrastive_lab.augment.compiled import CompiledRecipe
from contrastive_lab.run import train
from contrastive_lab.run.callbacks import Clock
from contrastive_lab.run.compiled import Compiled
from tests.conftest import TINY
from tests.random_images import recipe
from tests.test_run.test_train import Trained, metrics, result, weights


class NeverAgain(Compiled):
    """From the third step on code that was not made yet is an error."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == 2:
            torch.compiler.set_stance("fail_on_recompile")


@pytest.fixture
def two_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(train, "Compiled", NeverAgain)
    yield
    torch.compiler.set_stance("default")


def test_the_evaluation_gets_the_recipe_as_it_was() -> None:
    trainer: Any = SimpleNamespace(datamodule=SimpleNamespace(recipe=recipe()))
    callback, module = Compiled(Clock(8)), pl.LightningModule()
    callback.on_fit_start(trainer, module)
    assert isinstance(trainer.datamodule.recipe, CompiledRecipe)
    callback.on_fit_end(trainer, module)
    assert type(trainer.datamodule.recipe) is Recipe and trainer.datamodule.recipe == recipe()


def test_the_clock_leaves_out_the_steps_in_which_it_compiles() -> None:
    clock, module = Clock(batch_size=8), pl.LightningModule()
    callback, trainer = Compiled(clock), SimpleNamespace(global_step=10)
    clock.on_train_start(cast(Any, trainer), module)
    for trainer.global_step in range(11, 16):
        callback.on_train_batch_end(cast(Any, trainer), module)
    clock.on_train_epoch_end(cast(Any, trainer), module)
    assert clock.images == 3 * 8


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # torch's own, while it compiles
@pytest.mark.usefixtures("two_steps")
def test_a_compiled_run_is_the_same_to_rounding_and_makes_no_code_after_two_steps(
    tmp_path: Path, trained: Trained
) -> None:
    small = ("method=simclr", "backbone.widths=[8]", "evaluation=linear", "hydra.run.dir=x")
    line = (*TINY, *small, "trainer.precision=64-true")
    trained(*line, cwd=tmp_path / "plain")
    out = trained(*line, "strategy.compile=true", cwd=tmp_path / "compiled")
    assert "batchnorm sync, 64-true, compiled" in " ".join(out.split())
    plain, compiled = tmp_path / "plain" / "x", tmp_path / "compiled" / "x"
    losses = [[float(row["loss"]) for row in metrics(folder) if row["loss"]] for folder in (plain, compiled)]
    assert len(losses[0]) == 5
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)
    assert weights(plain).keys() == weights(compiled).keys()
    assert result(plain)["config_hash"] == result(compiled)["config_hash"]
