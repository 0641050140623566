from collections.abc import Callable
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config import CONF
from contrastive_lab.config.help import entries, options_help, register_help
from contrastive_lab.config.model import schema_of
from contrastive_lab.config.names import OWNED
from contrastive_lab.config.overrides import applied, base
from contrastive_lab.config.schema import GROUPS
from contrastive_lab.config.values import nodes, typed
from tests.test_config.test_model import Outer

Compose = Callable[..., DictConfig]


def told(what: str, config: DictConfig) -> list[str]:
    register_help()
    return str(OmegaConf.create({"help": f"${{{what}:}}", **config}).help).replace("$$", "$").splitlines()


@pytest.mark.parametrize("method", ["simo", "swav"])
@pytest.mark.parametrize("columns", [40, 80, 120, 300])
def test_every_setting_that_can_be_typed_has_a_line(
    method: str, columns: int, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    config = compose(f"method={method}")
    lines = told("settings_help", config)
    keys = [line.strip().partition("=")[0] for line in lines if line[2] != " "]
    plain: Any = OmegaConf.to_container(config, resolve=False)
    leaves = {key for key, value in nodes(plain) if not isinstance(value, dict) and "_target_" not in key}
    hidden = {key for key in leaves if key in OWNED or key.partition(".")[0] in ("method_info", "experiment")}
    hidden |= {key for key in leaves if key.startswith(("dataset.splits", "strategy.trainer", "hydra"))}
    assert sorted(keys) == sorted(leaves - hidden)
    assert max(map(len, lines)) <= min(max(columns, 72), 120)
    assert len({len(line) - len(line.lstrip()) for line in lines}) == 2  # settings, and what goes on below them


def test_a_line_of_a_setting_without_a_group_tells_value_and_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = told("settings_help", base(("method=simo",)))
    assert (
        lines[0]
        == "  K=255                             negatives of a query; null: all that the batch holds (1 or more)"
    )
    assert "  tau=0.2                           temperature (more than 0)" in lines
    where = lines.index("  augment.small_crop.interpolation=${augment.crop.interpolation}")
    assert lines[where + 1] == " " * 36 + "of the resizing (bilinear, bicubic)"


def test_what_help_lists_can_be_typed() -> None:
    lines = told("settings_help", base(("method=simo",)))
    settings = [line.strip().split("  ")[0] for line in lines if line[2] != " "]
    typed = [text for text in settings if "$" not in text and "=null" not in text and "[" not in text]
    assert len(typed) > 50
    assert applied(["method=simo", *typed])[1] == []


def test_groups_are_told_with_all_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = told("groups_help", DictConfig({}))
    assert max(map(len, lines)) <= 80
    assert [line.partition(":")[0] for line in lines if line[0] != " "] == list(GROUPS)


def test_an_entry_tells_value_text_and_range() -> None:
    values = {"tau": 0.1, "inner": {"scale": [0.2, 1.0]}, "flag": True, "per": "query", "other": None}
    assert list(entries(schema_of(Outer), values, "t.")) == [
        ("t.tau=0.1", "(more than 0)"), ("t.inner.scale=[0.2,1.0]", "of it"), ("t.flag=true", "(true, false)"),
        ("t.per=query", "(query, batch)"), ("t.other=null", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("group", ["evaluation", "theory"])
def test_the_options_of_a_group_are_listed_with_the_settings_of_their_yamls(group: str) -> None:
    blocks = options_help(group).removeprefix(f"\n{group}=").split(f"\n\n{group}=")
    files = {path.stem: OmegaConf.load(path) for path in (CONF / group).glob("*.yaml")}
    assert [block.partition("\n")[0] for block in blocks] == sorted(files)
    for block in blocks:
        values = files[block.partition("\n")[0]]
        rows = [line.split()[0] for line in block.splitlines()[1:] if line.startswith(f"  {group}.")]
        assert rows == [f"{group}.{key}={typed(values[key])}" for key in values if key not in ("name", "_target_")]
