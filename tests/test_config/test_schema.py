import inspect
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import pytest
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel

from contrastive_lab import batchnorm, losses
from contrastive_lab.config import methods, options
from contrastive_lab.config.overrides import base
from contrastive_lab.config.schema import GROUPS, Batchnorm, Head, Run, model_of, takes_more, wrong_values
from contrastive_lab.config.values import typed
from contrastive_lab.encoder import build_head
from contrastive_lab.evaluation.callbacks import KnnProbe, OnlineProbe
from tests.conftest import ROOT

Compose = Callable[..., DictConfig]
YAMLS = sorted(path.relative_to(ROOT / "conf") for group in GROUPS for path in (ROOT / "conf" / group).glob("*.yaml"))


@pytest.mark.parametrize("path", YAMLS, ids=str)
def test_every_yaml_composes_and_its_model_has_what_it_configures(
    path: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    if path.stem == "tensorboard":
        pytest.importorskip("tensorboard")
    root = [f"dataset.root={tmp_path}"] if path.stem in ("arrays", "image_folder", "paper") else []
    texts = ["method=npid"] if path.stem == "nce" else []
    texts += ["method=supervised"] if path.stem == "classifier" else []
    texts += ["dataset=ag_news"] if path.stem in ("words", "bag_of_words") else []
    config = compose(f"{path.parent}={path.stem}", *root, *texts)
    OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    if str(path.parent) in TIED:
        check_fields(path)


def test_one_tree_three_times() -> None:
    """A group of conf/ is a module of the package and has a test file, but for Lightning's own and the scales."""
    for group in set(GROUPS) - {"trainer", "strategy", "logger", "scale", "experiment"}:
        module = ROOT / "contrastive_lab" / {"loss": "losses"}.get(group, group)
        assert module.is_dir() or module.with_suffix(".py").is_file()
        assert list((ROOT / "tests").glob(f"test_{module.name}*"))


# What a class takes beside its settings: the settings without a group, by the same name, and what is made before it.
FILLED = {*Run.model_fields, "encoder", "optim", "data", "images", "classes", "vocabulary", "features", "module",
          "objective", "world_size", "accelerator", "classifier"}  # fmt: skip


def parameters(target: Any) -> dict[str, Any]:
    """The parameters of a class or function and their types, those that take any name left out."""
    found = inspect.signature(target).parameters
    hints = get_type_hints(target.__init__ if inspect.isclass(target) else target)
    return {name: hints[name] for name, taken in found.items() if taken.kind is not inspect.Parameter.VAR_KEYWORD}


def choices(annotation: Any) -> set[Any]:
    """The options of all Literals in a type."""
    inner = get_args(annotation)
    return set(inner) if get_origin(annotation) is Literal else set().union(*map(choices, inner))


def check_tied(
    model: type[BaseModel], target: Any, told: Set[str] = frozenset({"name"}), filled: Set[str] = frozenset()
) -> None:
    """Every field but those `told` is a parameter, every parameter a field or filled, their choices are the same."""
    fields, taken = model.model_fields, parameters(target)
    assert fields.keys() - told <= taken.keys()
    assert taken.keys() - fields.keys() <= FILLED | filled
    for name in fields.keys() & taken.keys():
        if told := choices(taken[name]):
            assert told == choices(fields[name].annotation), name


TIED = ("augment", "backbone", "evaluation", "method", "optim")


def check_fields(path: Path) -> None:
    """The fields of the model of a yaml are the keys of the yaml and the parameters of what it configures."""
    group = str(path.parent)
    node = base((f"{group}={path.stem}",))[group]
    model = model_of(group, node)
    check_tied(model, get_object(node["_target_"]))
    assert set(node) - {"_target_"} == model.model_fields.keys()  # --help lists the keys of the yaml
    for name, inner in model.model_fields.items():
        if name in node and "_target_" in (node[name] if isinstance(node[name], DictConfig) else {}):
            assert isinstance(inner.annotation, type)
            check_tied(inner.annotation, get_object(node[name]["_target_"]))


def test_the_default_of_a_parameter_is_what_a_yaml_has_for_it() -> None:
    """Who makes a method in Python gets the paper's numbers too; of several yamls of one class any will do."""
    found: dict[Any, list[dict[str, Any]]] = {}
    for path in (path for path in YAMLS if str(path.parent) in TIED):
        own = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / path), resolve=False))
        node = {**own, **own["method"]} if str(path.parent) == "method" else own
        if "_target_" in node:  # else it starts from another yaml
            found.setdefault(get_object(node["_target_"]), []).append(node)
    compared = 0
    for target, nodes in found.items():
        for name, parameter in inspect.signature(target).parameters.items():
            values = [node[name] for node in nodes if name in node and "${" not in str(node[name])]
            if values and parameter.default is not inspect.Parameter.empty:
                compared += 1
                values = [tuple(value) if isinstance(value, list) else value for value in values]
                plain = [value for value in values if not isinstance(value, dict)]  # a dict makes an object
                assert not plain or parameter.default in plain, (target, name)
    assert compared > 50


@pytest.mark.parametrize(
    ("model", "target"),
    [
        (Head, build_head),
        (Batchnorm, batchnorm.convert),
        (methods.OnlineProbe, OnlineProbe),
        (methods.KnnProbe, KnnProbe),
    ],
    ids=["head", "batchnorm", "online", "knn"],
)
def test_the_fields_of_a_model_without_target_are_parameters_too(model: type[BaseModel], target: Any) -> None:
    check_tied(model, target)


@pytest.mark.parametrize("name", options("loss"))
def test_the_fields_of_a_loss_are_the_parameters_of_its_function(name: str) -> None:
    function, cosines = getattr(losses, name), {"pos", "neg", "log_Z", "reduction"}
    check_tied(model_of("loss", {"name": name}), function, filled=cosines)


@pytest.mark.parametrize("name", options("dataset"))
def test_the_fields_of_a_data_set_are_the_parameters_of_what_reads_it(name: str) -> None:
    node = base((f"dataset={name}",)).dataset
    model, reader = model_of("dataset", node), get_object(node.splits["_target_"])
    told = {"name", "kind", "images", "splits", "size", "mean", "std"}  # of the data, for checks and for views
    assert set(node.splits) - {"_target_"} == parameters(reader).keys() - {"write"}  # of a stored run alone
    assert set(node) <= model.model_fields.keys()
    check_tied(model, reader, filled={"write"}, told=told)


def test_a_scale_changes_a_method_by_a_file_of_both_and_the_line_wins(compose: Compose) -> None:
    laptop, cifar, paper = (base(("method=swav", f"scale={scale}")) for scale in ("laptop", "cifar", "paper"))
    assert [config.method.prototypes for config in (laptop, cifar, paper)] == [100, 512, 3000]
    assert [config.method.queue for config in (laptop, cifar, paper)] == [0, 0, 3840]
    assert compose("method=swav", "scale=laptop", "method.prototypes=7").method.prototypes == 7
    for path in (ROOT / "conf" / "scale").glob("*/*.yaml"):
        assert (ROOT / "conf" / "method" / path.name).is_file() or path.name == "detect.yaml"
        assert (ROOT / "conf" / "scale" / f"{path.parent.name}.yaml").is_file()


@pytest.mark.parametrize(
    ("milestones", "right"),
    [([0.6, 0.8], True), ([], True), ([0.9, 0.1, 3], False), ([0.5, 0.5], False), ([0, 0.5], False), ([0.5, 1], False)],
)
def test_milestones_are_increasing_shares(milestones: list[float], right: bool, compose: Compose) -> None:
    values: Any = OmegaConf.to_container(compose(), resolve=True)
    chosen = {**values, "optim": dict(values["optim"])}
    values["optim"]["milestones"] = milestones
    line = f"optim.milestones={typed(milestones)}: must be increasing shares between 0 and 1, e.g. [0.6,0.8]"
    assert wrong_values(values, chosen) == ({} if right else {"optim.milestones": line})


def test_keys_beyond_a_yaml_are_those_of_timm_and_of_wandb(compose: Compose) -> None:
    lines = ("backbone=timm", "backbone=small_resnet", "logger=wandb", "logger=csv", "method=simo")
    taken = [line for line in lines if takes_more(compose(line), f"{line.partition('=')[0]}.foo")]
    assert taken == ["backbone=timm"]
    assert [takes_more(compose(f"logger={name}"), "logger.group") for name in ("wandb", "csv")] == [True, False]
