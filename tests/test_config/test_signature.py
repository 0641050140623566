from collections.abc import Callable
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config import data, methods
from contrastive_lab.config.identity import beside_infonce
from contrastive_lab.config.model import Settings, problems
from contrastive_lab.config.plugins import allow
from contrastive_lab.config.resolve import resolve
from contrastive_lab.config.schema import model_of
from contrastive_lab.config.signature import Unknown, misfits
from contrastive_lab.errors import ConfigError
from tests.conftest import OWN

Compose = Callable[..., DictConfig]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (["backbone=plain_net", "backbone.width=4"], "backbone.width=4: must be 8 or more"),
        (["backbone=plain_net", "backbone.width=wide"], "backbone.width=wide: must be a whole number"),
        (["backbone=plain_net", "backbone.dept=2"], "backbone.dept: no such key; did you mean backbone.depth?"),
        (["augment=erasing", "augment.erase=1.5"], "augment.erase=1.5: must be between 0 and 1"),
        (["augment=erasing", "augment.flip=2"], "augment.flip=2: must be between 0 and 1"),  # of the class below it
        (["dataset=shapes", "dataset.count=1"], "dataset.count=1: must be 8 or more"),
        (["dataset=named_files", "dataset.root=no/where"], "dataset.root=no/where: no such folder"),
        (["method=mine", "method.repulsion=much"], "method.repulsion=much: must be a number"),
        (["method=mine", "alpha=256"], "alpha=256.0: my_lab.Mine takes no alpha"),
        (["method=mine", "K=5", "own_class_share=0.5"], "own_class_share=0.5: my_lab.Mine takes no own_class_share"),
        (["method=mine", "K=5", "sets=2"], "sets=2: Mine has a loss of its own"),
        (["method=mine", "loss=hard"], "loss=hard: Mine has a loss of its own"),
        (["method=mine", "K=256"], "K=256: more than the N-1 = 255 keys"),
        (["loss=margin", "loss.width=3"], "loss.width=3: must be between 0 and 2"),
        (["loss=margin", "alpha=256"], "alpha=256: my_lab.margin takes no alpha; set alpha=null, as its yaml can"),
        (["loss=margin", "tau=0.1"], "tau=0.1: my_lab.margin takes no tau; set tau=1.0, as its yaml can"),
        (["loss=margin", "remember=0.9"], "remember=0.9: for loss=info_nce alone, not loss=margin"),
        (["loss=margin", "method=swav"], "loss=margin: SwAV has a loss of its own"),
        (["dataset=sentences", "dataset.count=2"], "dataset.count=2: must be 8 or more"),
        (["method=mind"], "method=mind: no such option; did you mean mine?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_settings_of_a_plugin_have_types_ranges_and_lines(told: list[str], message: str, compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(*OWN, *told)
    (problem,) = caught.value.problems
    assert problem.startswith(message)


def test_what_is_not_allowed_is_one_line_whatever_its_settings(compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(OWN[0], "method=mine", "method.repulsion=much")
    (problem,) = caught.value.problems
    assert problem.startswith(
        "method._target_=my_lab.Mine: only what conf/ names there is called; plugins=[my_lab] allows"
    )


def test_a_model_stands_on_that_of_the_class_below_or_of_the_group(compose: Compose) -> None:
    compose(*OWN)
    erasing = model_of("augment", {"_target_": "my_lab.Erasing", "erase": 0.5})
    assert issubclass(erasing, data.Recipe) and [*erasing.model_fields][-1] == "erase"
    assert issubclass(model_of("method", {"_target_": "my_lab.Mine"}), methods.Method)
    assert issubclass(model_of("dataset", {"splits": {"_target_": "my_lab.shapes"}, "count": 9}), data.Dataset)
    allow([])
    assert model_of("method", {"_target_": "my_lab.Mine"}) is Unknown
    assert not issubclass(Unknown, methods.Method) and issubclass(Unknown, Settings)
    assert problems(Unknown, {"anything": 1}) == {}


class Odd:
    """As a plugin may have it; `their_module` is made of this file."""

    def __init__(self, encoder: Any, needed: int, plain=3, net: Callable[..., Any] | None = None) -> None: ...  # noqa: ANN001


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """`lab.Odd` is allowed."""
    for module in ("signature", "plugins"):
        monkeypatch.setattr(f"contrastive_lab.config.{module}.found_by_name", lambda name: Odd)
    monkeypatch.setattr("contrastive_lab.config.signature.is_plugin", lambda name: name == "lab.Odd")


def test_a_parameter_without_a_value_and_a_value_without_a_parameter_are_named(odd: None) -> None:
    config = {
        "method": {"_target_": "contrastive_lab.method.SiMo"},
        "dataset": {"splits": {"_target_": "lab.Odd", "x": 1}},
    }
    assert [*misfits(OmegaConf.create(config))] == [
        "dataset.splits.x: no parameter of lab.Odd, which takes encoder, needed, plain, net",
        "dataset.splits.needed: needed; lab.Odd takes it without a default",
    ]


def test_a_parameter_without_a_hint_takes_anything(odd: None) -> None:
    model = model_of("method", {"_target_": "lab.Odd", "plain": 3, "needed": 1})
    assert [*problems(model, {"plain": "x", "needed": 1.5}, "method").values()] == [
        "method.needed=1.5: must be a whole number"
    ]


def test_a_hint_that_no_yaml_gives_is_one_line(odd: None) -> None:
    with pytest.raises(
        ConfigError, match=r"^lab.Odd: settings need plain type hints, e.g. float or list\[int\] \("
    ) as e:
        model_of("method", {"_target_": "lab.Odd", "net": None})
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(("own", "told"), [("true", "false"), ("false", "true")])
def test_a_yaml_says_whether_the_loss_is_its_own(own: str, told: str, compose: Compose) -> None:
    config = compose(*OWN, "method=mine")
    if own == "true":
        config.method_info.own_loss = False
        assert [*misfits(config)] == [
            "method_info.own_loss: must be true in its yaml, for my_lab.Mine takes no objective"
        ]
    else:
        assert not [*misfits(config)]


def test_a_plugins_loss_has_a_name_of_its_own_and_takes_cosines(compose: Compose) -> None:
    """It is InfoNCE by no name, or its runs would be taken for such."""
    config = compose(*OWN, "loss=margin", "K=5")
    assert (resolve(config).alpha, beside_infonce(config)["loss"]) == (None, "margin")
    config.loss.name = "info_nce"
    assert any("loss.name=info_nce: is that of a loss of this project" in line for line in misfits(config))
    config.loss = {"name": "net", "_target_": "my_lab.plain_net"}
    assert "loss=net: my_lab.plain_net must take pos (n,) and neg (n, K)" in [*misfits(config)]
