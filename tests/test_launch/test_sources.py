"""Lines of jobs that are like stored runs; what `finetune` and `detect` make of them has its tests there."""

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.experiment import Part
from contrastive_lab.launch.sources import Asked, like, parted, single, sources


def test_a_job_is_like_its_run_in_either_primary_configuration(compose: Callable[..., DictConfig]) -> None:
    stored = compose("scale=cifar", "backbone.width=2", "data_dir=/d", "tau=0.3")
    told = {"scale": "cifar", "backbone.width": "2", "data_dir": "/d"}
    assert like(stored, {}) == told
    assert like(stored, {}, (), "detect") == told | {"backbone.zero_init_residual": "true"}  # that of method=simo
    assert like(stored, {"backbone": "resnet50"}, (), "detect") == {"scale": "cifar", "data_dir": "/d"}


def test_grids_have_the_lines_overrides_first() -> None:
    assert Asked(["x"], [Part(None, ["b=1"])]).grids(["a=1"]) == [Part(None, ["a=1", "b=1"])]
    assert single({"a": "1", "b": "1,2", "hydra.run.dir": "x"}) == ["a=1"]


def test_a_commands_own_keys_are_parted_from_the_others() -> None:
    line = ["detect", "-m", "K=4,8", "start=run,random", "run=b"]
    assert parted(line, ("run", "start")) == ({"run": "b", "start": "run,random"}, ["-m", "K=4,8"])
    with pytest.raises(ConfigError, match="run=b run=a: run is given twice"):
        parted([*line, "run=a"], ("run", "start"))


def test_a_run_or_a_sweep_is_needed_and_must_be_one() -> None:
    for own in ({}, {"run": "x", "sweep": "y"}):
        with pytest.raises(ConfigError, match="needed, one of the two"):
            sources(own)
    with pytest.raises(ConfigError, match="run=nowhere: not the folder of a run"):
        sources({"run": "nowhere"})
