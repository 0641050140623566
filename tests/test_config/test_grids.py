from contrastive_lab.config.grids import Grid, grids


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
