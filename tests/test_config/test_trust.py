"""Configurations from elsewhere that try to run code or to reach out of the folder of their run."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config import CONF
from contrastive_lab.config.identity import moved
from contrastive_lab.config.plugins import ALLOWED
from contrastive_lab.config.trust import (
    read_only,
    untrusted_code,
    untrusted_links,
    untrusted_logger,
    untrusted_names,
    untrusted_resolvers,
)
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.run import stored_config
from tests.conftest import OWN


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "contrastive_lab.launch.command_line.os.system",  # reached through an import of ours
        "contrastive_lab.record.files.write_text",  # ours, but no class that a setting chooses
        "contrastive_lab.method.SimCLR.load_from_checkpoint",
        "pytorch_lightning.Trainer.fit",
        "pytorch_lightning.callbacks.ModelCheckpoint",  # writes where it is told
        "pytorch_lightning.strategies.ddp.os.kill",
        "pytorch_lightning.strategies.ddp.torch.load",
        "pytorch_lightning.strategies.ddp.subprocess.Popen",
        "pytorch_lightning.strategies.nothing",
        "contrastive_lab.dataset.packed",  # downloads; conf/ calls it at dataset.splits alone
    ],
)
def test_code_of_others_is_named_with_its_key(target: str) -> None:
    for node, key in (
        ({"method": {"_target_": target, "command": "true"}}, "method._target_"),
        ({"trainer": {"plugins": [{"_target_": target}]}}, "trainer.plugins.0._target_"),
        ({"a": [[{"b": {"_target_": target}}]]}, "a.0.0.b._target_"),
    ):
        (problem,) = untrusted_code(OmegaConf.create(node))
        assert problem.startswith(f"{key}={target}: only what conf/ names there is called")


@pytest.mark.parametrize("part", [{"_target_": "x"}, [{"_target_": "x"}], {"y": [{"_target_": "x"}]}])
def test_a_key_that_stands_for_a_part_that_is_called_is_named(part: Any) -> None:
    backbone = {"arch": "${b}", "mean": "${c}", "x": "${missing}"}
    config = OmegaConf.create({"a": part, "backbone": backbone, "b": "${a}", "c": [0.5]})
    assert [problem.partition(":")[0] for problem in untrusted_links(config)] == ["backbone.arch=${b}", "b=${a}"]


@pytest.mark.parametrize(
    ("splits", "written"),
    [
        ({"_target_": "contrastive_lab.dataset.packed", "name": "stl10", "data_dir": "${data_dir}"}, False),
        ({"_target_": "contrastive_lab.dataset.ag_news", "_args_": ["/x"], "write": True}, False),
        ({"_target_": "contrastive_lab.dataset.embedded"}, None),
    ],
)
def test_a_data_set_is_written_where_the_line_says_alone(splits: dict[str, Any], written: bool | None) -> None:
    config = read_only(OmegaConf.create({"data_dir": "stored", "dataset": {"splits": splits, "workers": 1}}))
    assert config.dataset.splits.get("write") is written
    assert moved(config, {"dataset.workers": 2}).dataset.splits.get("write") is written
    assert moved(config, {"data_dir": "typed"}).dataset.splits.get("write") is (None if written is None else True)


@pytest.mark.parametrize("name", ["plugins.TorchSyncBatchNorm", "strategies.SingleDeviceStrategy"])
def test_classes_of_lightning_may_be_plugged_in(name: str) -> None:
    assert not list(untrusted_code(OmegaConf.create({"_target_": f"pytorch_lightning.{name}"})))


@pytest.mark.parametrize(
    "value",
    [
        "${new_folder:/tmp/elsewhere}",
        "${oc.select:a,${new_folder:/tmp/elsewhere}}",
        "${oc.env:AWS_SECRET_ACCESS_KEY}",
        "${oc.env:WANDB_API_KEY}",
        "${oc.env:WANDB_BASE_URL,x}",
        "${oc.env:${a}}",
        "${hydra:runtime.cwd}",
        "${oc.decode:${oc.env:WANDB_NAME}}",
        "plain ${oc.create:${x}}",
    ],
)
def test_values_that_are_worked_out_elsewhere_are_named(value: str) -> None:
    (problem,) = untrusted_resolvers(OmegaConf.create({"a": "b", "x": {"list": ["plain", value]}}))
    assert problem.startswith(f"x.list.1={value}: ")


def test_what_conf_has_and_runs_store_is_trusted(compose: Callable[..., DictConfig]) -> None:
    wandb = ("logger=wandb", "logger.group=g", "logger.tags=[a]", "logger.notes=n", "logger.mode=offline")
    others = [["strategy=ddp_cpu"], ["dataset=ag_news"], ["method=npid"], ["scale=cifar"]]
    others += [["logger=tensorboard"]] * (find_spec("tensorboard") is not None)
    for told in ([*wandb, "logger.job_type=j", "logger.entity=${oc.env:WANDB_ENTITY}"], *others):
        config = compose(*told)
        assert not [*untrusted_code(config), *untrusted_resolvers(config)]
        assert not [*untrusted_links(config), *untrusted_names(config), *untrusted_logger(config)]
    for path in (path for group in ("theory", "experiment", "method") for path in (CONF / group).rglob("*.yaml")):
        assert not list(untrusted_resolvers(OmegaConf.load(path)))


@pytest.mark.parametrize(
    ("node", "problem"),
    [
        (
            {"evaluation": {"name": "../../x"}},
            "evaluation.name=../../x: no option of evaluation, which has classifier, knn, linear",
        ),
        ({"evaluation": "${a}", "a": {"name": "/x"}}, "evaluation.name=/x: no option of"),
        ({"evaluation": {"name": "${a}"}, "a": "../x"}, "evaluation.name=../x: no option of"),
        ({"evaluation": {"name": "${a}"}}, "evaluation.name: cannot be read (Interpolation key 'a' not found"),
        ({"evaluation": {"name": ["/x"]}}, "evaluation.name=['/x']: no option of"),
        ({"evaluation": ["/x"]}, "evaluation.name: cannot be read ("),
        ({"method_info": {"id": "x"}}, "method_info.id=x: no option of method, which has finetune, moco_v1"),
        ({"loss": {"name": "mine"}}, "loss.name=mine: no option of loss, which has debiased"),
        ({"logger": {"name": "mine"}}, "logger.name=mine: no option of logger, which has csv, tensorboard, wandb"),
    ],
)
def test_names_of_options_are_those_of_conf(node: dict[str, Any], problem: str) -> None:
    (found,) = untrusted_names(OmegaConf.create(node))
    assert found.startswith(problem)


def test_a_run_of_a_plugin_may_have_plain_names_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read without the yamls that made it; such a name leads nowhere. Without the word it is an option's."""
    own = {"method_info": {"id": "mine"}, "dataset": {"name": "my-photos_2.1"}, "backbone": {"name": "net"}}
    hostile = {"evaluation": {"name": "../x"}, "scale": {"name": "a/b"}, "loss": {"name": "mine"}}
    config = OmegaConf.create(own | hostile)
    keys = {"method_info.id", "dataset.name", "backbone.name", "evaluation.name", "scale.name", "loss.name"}
    for packages, named in (("", keys), ("my_lab", {"evaluation.name", "scale.name", "loss.name"})):
        monkeypatch.setenv(ALLOWED, packages)
        assert {problem.partition("=")[0] for problem in untrusted_names(config)} == named


def test_the_word_keeps_every_other_protection(compose: Callable[..., DictConfig]) -> None:
    """What is the project's or a library's is called where conf/ calls it alone, and nothing else is put in."""
    config = compose(*OWN, "method=mine", "dataset=cifar10")
    assert not [*untrusted_code(config), *untrusted_names(config)]
    assert read_only(config).dataset.splits.write is False
    config.backbone = {"name": "net", "_target_": "contrastive_lab.dataset.packed", "a": "${dataset.splits}"}
    config.method.repulsion = "${new_folder:x}"
    (called,) = untrusted_code(config)
    assert called.startswith("backbone._target_=contrastive_lab.dataset.packed: only what conf/ names there is called")
    assert [problem.partition(":")[0] for problem in untrusted_links(config)] == ["backbone.a=${dataset.splits}"]
    assert [problem.partition("=")[0] for problem in untrusted_resolvers(config)] == ["method.repulsion"]


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("wandb", "settings", {"base_url": "http://example.com"}),
        ("wandb", "dir", "/elsewhere"),
        ("wandb", "id", "other"),
        ("wandb", "resume", "must"),
        ("tensorboard", "sub_dir", "../x"),
        ("tensorboard", "log_dir", "/elsewhere"),
        ("csv", "save_dir", "/elsewhere"),
    ],
)
def test_a_stored_logger_names_neither_a_folder_nor_a_server(name: str, key: str, value: Any) -> None:
    config = OmegaConf.create({"logger": "${of}", "of": {"name": name, key: value}})
    (problem,) = untrusted_logger(config)
    assert problem.startswith(f"logger.{key}={value}: not taken from a run's folder; logger={name} takes name")


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system ['true']", "a: !!python/name:os.system"])
def test_tags_of_yaml_make_no_object(text: str, tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"config.yaml: cannot be read \(ConstructorError\)$"):
        stored_config(tmp_path)


def test_a_stored_resolver_is_one_line_before_it_is_worked_out(tmp_path: Path) -> None:
    stored: dict[str, Any] = {"method": {"momentum": f"${{new_folder:{tmp_path}/elsewhere}}"}}
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save(OmegaConf.create(stored), tmp_path / ".hydra" / "config.yaml")
    with pytest.raises(ConfigError, match=r"^.*config.yaml: method.momentum=\S+: only other keys,"):
        stored_config(tmp_path)
    assert not (tmp_path / "elsewhere").exists()
