from contrastive_lab.config.grids import Grid, grids
from contrastive_lab.launch.experiment import expand


def test_a_grid_has_what_the_experiment_sets_and_what_it_sweeps_at_a_scale() -> None:
    node = {"set": {"tau": 0.1, "epochs": 9}, "grid": {"cifar": {"K": [1, 4]}, "laptop": [
        {"arm": "one", "set": {"epochs": 2}, "K": [1]}, {"arm": "two", "seed": [0, 1]}]}}  # fmt: skip
    assert grids(node, "cifar") == [Grid(None, {"tau": [0.1], "epochs": [9], "K": [1, 4]})]
    arms = [
        Grid("one", {"tau": [0.1], "epochs": [2], "K": [1]}),
        Grid("two", {"tau": [0.1], "epochs": [9], "seed": [0, 1]}),
    ]
    assert grids(node, "laptop") == arms
    assert grids({}, "laptop") == grids(node, "paper") == []


def test_what_makes_an_arm_what_it_is_stands_before_what_the_experiment_sets() -> None:
    node = {"set": {"epochs": 9}, "grid": {"laptop": [{"arm": "untrained", "always": {"epochs": 0}, "seed": [0, 1]}]}}
    assert grids(node, "laptop") == [Grid("untrained", {"epochs": [0], "seed": [0, 1]}, frozenset({"epochs"}))]


def test_what_a_user_types_does_not_train_the_untrained_encoder() -> None:
    told = ["experiment=compare/cifar10", "scale=laptop", "epochs=9"]
    overrides = {part.arm: part.overrides for part in expand(told)}
    assert "epochs=9" in overrides["SimCLR"] and "epochs=4" not in overrides["SimCLR"]
    for arm in ("untrained", "pixels"):
        assert "epochs=0" in overrides[arm] and "epochs=9" not in overrides[arm]
