from collections.abc import Callable

import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab import losses
from contrastive_lab.config import methods
from contrastive_lab.config.identity import comparable, identity
from contrastive_lab.config.model import problems
from contrastive_lab.config.schema import _loss_of, model_of
from contrastive_lab.config.values import flat
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.run import stored_config
from tests.conftest import ROOT
from tests.test_config.test_schema import parameters

Compose = Callable[..., DictConfig]
NAMES = sorted(path.stem for path in (ROOT / "conf" / "loss").glob("*.yaml"))
STORED = ROOT / "tests" / "stored_runs" / "interrupted"  # of `method=npid method.loss=nce`
LINE = (
    "method=npid", "K=5", "epochs=2", "backbone.widths=[8,8]", "head.dim=8", "batch_size=64", "evaluation.epochs=2",
    "trainer.limit_train_batches=5",
)  # fmt: skip
# What a loss takes beside the settings of its yaml: cosines, the settings without a group, and what NPID fills in.
FILLED = {"pos", "neg", "tau", "alpha", "reduction", "images", "log_Z"}


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_of_a_loss_are_the_parameters_of_its_function(name: str) -> None:
    node = OmegaConf.load(ROOT / "conf" / "loss" / f"{name}.yaml")
    node = node.get("loss", node)
    model = model_of("loss", node)
    assert node.keys() == model.model_fields.keys()
    assert node.name == name
    assert node.keys() - {"name"} == parameters(getattr(losses, name)).keys() - FILLED


def test_a_loss_has_a_model_of_its_own() -> None:
    assert len({model_of("loss", {"name": name}) for name in NAMES}) == len(NAMES) == 6
    assert model_of("loss", {"name": "nce"}) is methods.Nce


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss=infonce"], "loss=infonce: no such option; did you mean info_nce?"),
        (["loss=spectral", "loss.mu=0"], "loss.mu=0: must be more than 0"),
        (["loss=spectral", "loss.phi=cube"], "loss.phi=cube: choose one of square, exp"),
        (["loss=spectral", "loss.phi_tau=-1"], "loss.phi_tau=-1: must be more than 0"),
        (["loss=debiased", "loss.tau_plus=1"], "loss.tau_plus=1: must be 0 or more and less than 1"),
        (["loss=hard", "loss.beta=-1"], "loss.beta=-1: must be 0 or more"),
        (["loss=dual_temperature", "loss.second_tau=0"], "loss.second_tau=0: must be more than 0"),
        (["loss.mu=3"], "loss.mu: a setting of loss=spectral: add it; info_nce has none"),
        (
            ["loss=spectral", "loss.tau_plus=0"],
            "loss.tau_plus: a setting of loss=debiased, loss=hard: add one; spectral has mu, phi, phi_tau",
        ),
        (["loss=hard", "loss.bta=3"], "loss.bta: no such key; did you mean loss.beta?"),
        (["loss.nme=hard"], "loss.nme: no such key; did you mean loss.name?"),
        (["sets=0"], "sets=0: must be 1 or more"),
        (["sets=null"], "sets=null: must be a whole number"),
        (["remember=1", "alpha=inf"], "remember=1.0: must be"),
        (["own_class_share=1.1", "K=8"], "own_class_share=1.1: must be between 0 and 1"),
        (["dclw_sigma=0", "alpha=inf"], "dclw_sigma=0.0: must be more than 0"),
        (["alpha=nan"], "alpha=nan: must be"),
        (["loss.name=hard"], "loss.name: set by a setting of this project; use loss=..."),
        (["evaluation=linear_moco", "evaluation.features=pixels"], "evaluation.features=pixels: choose one of h, z"),
        (["method=npid", "method.loss=nce"], "method.loss: no such key; did you mean loss?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_value_is_one_line(overrides: list[str], message: str, compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(*overrides)
    (problem,) = caught.value.problems
    assert problem.startswith(message) and "\n" not in problem


def test_npid_has_the_loss_of_its_paper_and_of_its_scale(compose: Compose) -> None:
    assert [_loss_of("npid", scale) for scale in ("paper", "cifar", "laptop")] == ["nce", "info_nce", "info_nce"]
    assert _loss_of("simo", "laptop") == "info_nce"
    assert compose("method=npid", "scale=paper", "dataset=cifar10").loss == {"name": "nce"}
    assert compose("method=npid").loss == {"name": "info_nce"}
    assert compose("method=npid", "loss=nce").loss == {"name": "nce"}


def test_spectral_has_no_alpha_and_no_tau_of_a_method(compose: Compose) -> None:
    for method in ("simo", "simclr", "moco_v2", "npid"):
        config = compose(f"method={method}", "loss=spectral", "loss.mu=3")
        assert (config.alpha, config.tau, config.loss.mu) == (None, 1.0, 3.0)


def test_a_stored_method_loss_is_the_new_line(compose: Compose) -> None:
    stored, new = stored_config(STORED), compose(*LINE, "loss=nce")
    old = OmegaConf.load(STORED / ".hydra" / "config.yaml")
    assert old.method.loss == "nce" and "loss" not in old
    assert stored.loss == {"name": "nce"} and "loss" not in stored.method
    assert identity(stored) == identity(new) == comparable(flat(old))
    assert identity(new)["loss.name"] == "nce"
    assert identity(compose(*LINE)) == comparable({**flat(old), "method.loss": "info_nce"}) != identity(new)


def test_a_stored_configuration_without_a_loss_is_infonce(compose: Compose) -> None:
    stored = stored_config(STORED.parent / "done")
    assert (stored.loss, stored.sets, stored.remember) == ({"name": "info_nce"}, 1, None)
    assert not {"loss.name", "sets", "remember", "own_class_share", "dclw_sigma"} & identity(stored).keys()


@pytest.mark.parametrize(
    "overrides",
    [["loss=spectral"], ["loss=hard"], ["loss=hard", "loss.beta=2"], ["sets=3"], ["alpha=inf"],
     ["alpha=inf", "remember=0"], ["alpha=inf", "dclw_sigma=0.5"], ["own_class_share=0"]],
    ids=" ".join,
)  # fmt: skip
def test_each_setting_makes_another_run(overrides: list[str], compose: Compose) -> None:
    plain = identity(compose("K=10"))
    found = identity(compose("K=10", *overrides))
    assert found != plain
    assert all(value != float("inf") for value in found.values())  # JSON has no infinity


def test_a_momentum_lies_between_0_and_1() -> None:
    values = {"momentum": 0.99, "symmetric": False, "batchnorm": "shuffle"}
    assert problems(methods.MoCo, values) == {}
    assert [*problems(methods.MoCo, values | {"momentum": 1.5}).values()] == ["momentum=1.5: must be between 0 and 1"]


def test_a_probe_of_probes_is_named_with_its_key() -> None:
    values = {"online": {"every_n_epochs": 1, "lr": 0.1}, "knn": {"every_n_epochs": 5, "k": 200, "temperature": 0.1}}
    assert problems(methods.Probes, values, "probes") == {}
    wrong = values | {"knn": {"every_n_epochs": 0, "k": 200, "temperature": 0.1}}
    assert [*problems(methods.Probes, wrong, "probes").values()] == ["probes.knn.every_n_epochs=0: must be 1 or more"]
