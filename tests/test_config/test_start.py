"""What a run may start from, each problem with the line that tells it."""

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from contrastive_lab.errors import ConfigError


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ("method=supervised dataset=stl10", "dataset=stl10: its training images have no labels, which method=sup"),
        ("labels=0.1", "labels=0.1: SiMo learns without labels; set labels=null"),
        ("evaluation=classifier", "evaluation=classifier: SiMo trains none; use linear, knn or mean"),
        ("optim.nesterov=true optim.momentum=0", "optim.nesterov=true: needs optim.momentum above 0"),
    ],
)
def test_what_does_not_fit_is_told(told: str, problem: str, compose: Callable[..., DictConfig]) -> None:
    with pytest.raises(ConfigError) as found:
        compose(*told.split())
    assert [line[: len(problem)] for line in found.value.problems] == [problem]


def test_the_labelled_images_of_stl10_can_be_learnt_from(compose: Callable[..., DictConfig]) -> None:
    assert compose("method=finetune", "dataset=stl10").labels == 1.0
    assert compose("method=supervised", "dataset=stl10", "labels=0.5").labels == 0.5
