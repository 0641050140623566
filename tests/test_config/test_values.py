from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from contrastive_lab.config.values import flat, nodes, typed


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
