import math

import pytest
from omegaconf import OmegaConf

from contrastive_lab.config import chosen_yaml
from contrastive_lab.config.search import SWEEPER, Search, read_search
from contrastive_lab.errors import ConfigError


def test_the_yaml_has_each_setting_and_hydras_own() -> None:
    values = OmegaConf.load(chosen_yaml(SWEEPER, "optuna"))
    assert {*values} == {*Search.model_fields, "_target_", "params"}


@pytest.mark.parametrize(
    ("told", "metric", "direction"),
    [
        ({}, "linear_top1", "maximize"),
        ({"metric": "knn_top1"}, "knn_top1", "maximize"),
        ({"metric": "contrastive_top1"}, "contrastive_top1", "maximize"),
        ({"metric": "loss"}, "loss", "minimize"),
        ({"metric": "loss", "direction": "maximize"}, "loss", "maximize"),
        ({"metric": "effective_rank", "direction": "maximize"}, "effective_rank", "maximize"),
    ],
)
def test_more_of_an_accuracy_and_less_of_a_loss_is_better(told: dict[str, str], metric: str, direction: str) -> None:
    search = read_search(told, "linear", ["loss", "knn_top1"])
    assert (search.metric, search.direction, search.n_trials, search.n_jobs) == (metric, direction, 20, 1)


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"n_trials": 0}, "hydra.sweeper.n_trials=0: must be 1 or more"),
        ({"n_trials": math.inf}, "hydra.sweeper.n_trials=inf: must be a whole number"),
        ({"trials": 3}, "hydra.sweeper.trials: no such key; did you mean n_trials?"),
        ({"sampler": "cmaes"}, "hydra.sweeper.sampler=cmaes: choose one of tpe, random"),
        ({"metric": "linaer_top1"}, "hydra.sweeper.metric=linaer_top1: no such metric; did you mean linear_top1?"),
        ({"metric": "uniformity"}, "hydra.sweeper.direction: needed with metric=uniformity; maximize or minimize"),
    ],
)
def test_what_is_wrong_is_a_line(told: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_search(told, "linear", ["loss"])
    assert error.value.problems == (line,)
