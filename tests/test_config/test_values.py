from omegaconf import OmegaConf

from contrastive_lab.config.values import flat, nodes


def test_flat_has_the_values_and_nodes_also_what_holds_them() -> None:
    config = OmegaConf.create({"a": {"b": [1, 2], "c": {}}, "d": "${a.b}"})
    assert flat(config) == {"a.b": [1, 2], "d": [1, 2]}
    assert flat(config, resolve=False)["d"] == "${a.b}"
    assert [key for key, _ in nodes({"a": {"b": [1, 2], "c": {}}})] == ["a", "a.b", "a.c"]
