"""Lightning's Trainer of a run."""

from collections.abc import Callable
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig

from contrastive_lab.compat import callbacks_of
from contrastive_lab.run.console import quiet
from contrastive_lab.run.progress import Lines
from contrastive_lab.run.trainer import trainer_of


def test_progress_stands_between_the_callbacks_and_the_last(compose: Callable[..., DictConfig], tmp_path: Path) -> None:
    first, last = pl.Callback(), pl.Callback()
    with quiet():
        made = trainer_of(compose("epochs=3", "trainer.max_steps=7"), tmp_path, [first], [last], [])
        shy = trainer_of(compose("trainer.enable_progress_bar=false"), tmp_path, [first], [last], [])
    own = [each for each in callbacks_of(made) if each in (first, last) or isinstance(each, Lines)]
    assert own[0] is first and isinstance(own[1], Lines) and own[2] is last
    assert (made.max_epochs, made.max_steps, made.loggers[0].name) == (3, 7, "csv")
    assert not any(isinstance(each, Lines) for each in callbacks_of(shy))
