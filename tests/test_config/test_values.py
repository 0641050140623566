import math

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from contrastive_lab.config.values import flat, key_and_value, nodes, points, typed
from contrastive_lab.errors import ConfigError
from tests.conftest import ROOT


def test_flat_has_the_values_and_nodes_also_what_holds_them() -> None:
    config = OmegaConf.create({"a": {"b": [1, 2], "c": {}}, "d": "${a.b}"})
    assert flat(config) == {"a.b": [1, 2], "d": [1, 2]}
    assert flat(config, resolve=False)["d"] == "${a.b}"
    assert [key for key, _ in nodes({"a": {"b": [1, 2], "c": {}}})] == ["a", "a.b", "a.c"]


def test_a_value_is_typed_as_hydra_reads_it() -> None:
    values = [None, True, False, 0.5, 5e-5, "a/b", [8, None, ["x", 1.0]], []]
    texts = ["null", "true", "false", "0.5", "5e-05", "a/b", "[8,null,[x,1.0]]", "[]"]
    assert [typed(value) for value in values] == texts
    for value in values:
        assert OverridesParser.create().parse_override(f"x={typed(value)}").value() == value


def test_a_line_is_cut_at_its_first_sign() -> None:
    lines = {"K=16": ("K", "16"), "run=a=b": ("run", "a=b"), "+x=": ("+x", ""), "K": ("K", "")}
    assert {line: key_and_value(line) for line in lines} == lines


def test_key_and_value_are_cut_in_one_place() -> None:
    files = [*(ROOT / "contrastive_lab").rglob("*.py"), *(ROOT / "scripts").glob("*.py"), *ROOT.glob("*.py")]
    cuts = ("partition('=')", 'partition("=")', "split('='", 'split("="')
    assert [path.name for path in files if any(cut in path.read_text() for cut in cuts)] == ["values.py"]


def test_a_margin_is_above_0() -> None:
    assert [points(value) for value in (1, 0.25, "2")] == [1.0, 0.25, 2.0]
    for value in (0, -1, "x", None, True, math.inf, math.nan, [1]):
        with pytest.raises(ConfigError, match=r"^experiment=a: margin=.*: must be a number above 0"):
            points(value, "experiment=a: margin")
