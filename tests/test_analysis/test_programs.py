"""What every program of `conf/theory` has: a module, a test, a paper, and one model of its settings."""

from importlib import import_module
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from omegaconf import OmegaConf

from contrastive_lab.analysis.result import checked
from contrastive_lab.config import CONF, theory
from contrastive_lab.config.model import Settings
from contrastive_lab.errors import ConfigError
from contrastive_lab.theory.spiked.model import NOISES
from tests.conftest import ROOT

PAPERS = {
    "bounds": "Arora et al. 2019",
    "competition": "Yeh et al. 2022",
    "cost": "made here",
    "coupon": "Nozawa & Sato 2021",
    "gaussian_mi": "Zhu et al. 2020",
    "gradient_norm": "Zhu et al. 2020",
    "spiked_covariance": "Ji et al. 2021",
}
YAMLS = sorted((CONF / "theory").glob("*.yaml"))
programs = pytest.mark.parametrize("path", YAMLS, ids=lambda path: path.stem)


def values(path: Path) -> dict[str, Any]:
    found = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def model(path: Path) -> type[Settings]:
    return cast(type[Settings], vars(theory)["".join(word.title() for word in path.stem.split("_"))])


def test_there_are_the_programs() -> None:
    assert {path.stem for path in YAMLS} >= set(PAPERS)


@programs
def test_a_yaml_names_its_command_paper_and_module_and_has_a_test(path: Path) -> None:
    comment = path.read_text().split("_target_")[0]
    assert f"python scripts/theory.py theory={path.stem}" in comment
    assert PAPERS[path.stem] in comment
    assert values(path)["_target_"] == f"contrastive_lab.analysis.{path.stem}.run"
    assert (ROOT / "tests" / "test_analysis" / f"test_{path.stem}.py").is_file()


@programs
def test_the_keys_of_a_yaml_are_the_fields_of_its_model_and_its_values_are_allowed(path: Path) -> None:
    given = {key: value for key, value in values(path).items() if key != "_target_"}
    assert list(given) == list(model(path).model_fields)
    assert checked(model(path), given).model_dump() == given
    for name, field in model(path).model_fields.items():
        assert field.description, name
        assert field.is_required(), f"{name}: its value stands in the yaml alone"


@programs
def test_a_key_that_a_program_lacks_and_one_that_is_not_given_are_named(path: Path) -> None:
    given = {key: value for key, value in values(path).items() if key != "_target_"}
    name, *_ = given
    run = import_module(f"contrastive_lab.analysis.{path.stem}").run
    with pytest.raises(ConfigError, match=f"theory.{name}x: no such key; did you mean {name}"):
        run(**given, **{f"{name}x": 1})
    del given[name]
    with pytest.raises(ConfigError, match=f"^theory.{name}: needed$"):
        run(**given)


def test_the_profiles_of_noise_are_those_of_the_model() -> None:
    assert get_args(theory.SpikedCovariance.model_fields["noise"].annotation) == NOISES
