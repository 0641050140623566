from pathlib import Path

import pytest

from contrastive_lab.config import CONF
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.right import write_right
from contrastive_lab.report.grid import CLASSES, TEST_SIZE
from contrastive_lab.report.inference import wilson
from tests.sweep_folder import grid_of, made_up, seeds, unrelated, write_sweep


def test_known_data_sets_are_those_of_conf() -> None:
    names = {path.stem for path in (CONF / "dataset").glob("*.yaml")} - {"arrays", "image_folder"}
    assert set(CLASSES) == set(TEST_SIZE) == names


def test_runs_that_differ_in_their_seed_alone_are_one_setting(tmp_path: Path) -> None:
    jobs = [*seeds([80, 82, 84], K=4, alpha=None), *seeds([85, 87], K=4, alpha=256), *seeds([90], K=16, alpha=None)]
    grid = grid_of(write_sweep(tmp_path / "s", jobs))
    assert (grid.x, grid.hue, grid.keys) == ("K", "alpha", ["K", "alpha"])
    found = grid.summary("linear_top1")
    assert list(zip(found["K"], found["alpha"], found["mean"], strict=True)) == [
        (4, None, 82.0),
        (4, 256, 86.0),
        (16, None, 90.0),
    ]
    assert [grid.name(line) for line in grid.lines] == ["alpha = K", "alpha = 256"]


def test_a_run_done_twice_is_no_second_sample(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80, 81], K=4, note="a"), *seeds([90], K=4, note="b")])
    (folder / "sweep.json").write_text(
        (folder / "sweep.json").read_text().replace('"note=a", ', "").replace('"note=b", ', "")
    )
    found = grid_of(folder).summary("linear_top1")
    assert found[["planned", "done", "n", "mean"]].to_numpy().tolist() == [[2, 2, 2, 85.5]]


def test_axis_and_colours_are_the_users_else_the_experiments_else_k_and_alpha(tmp_path: Path) -> None:
    jobs = [*seeds([80], K=4, alpha=256, tau=0.1), *seeds([81], K=8, alpha=None, tau=0.2)]
    folder = write_sweep(tmp_path / "s", jobs, experiment={"x": "tau", "hue": "K", "y": "knn_top1"})
    assert (grid_of(folder).x, grid_of(folder).hue, grid_of(folder).y) == ("tau", "K", "linear_top1")
    measured = [(told, {**(result or {}), "knn_top1": 70.0}) for told, result in jobs]
    assert grid_of(write_sweep(tmp_path / "t", measured, experiment={"x": "K", "y": "knn_top1"})).y == "knn_top1"
    assert grid_of(folder, x="K").hue == "alpha"
    assert grid_of(folder, x="alpha", hue="tau").hue == "tau"
    with pytest.raises(ConfigError, match=r"x=k: no run .* varied there: K, alpha, tau"):
        grid_of(folder, x="k")
    with pytest.raises(ConfigError, match="hue=K: is the x axis"):
        grid_of(folder, x="K", hue="K")


def test_arms_are_lines_in_the_order_of_the_experiment_and_stand_for_what_they_set(tmp_path: Path) -> None:
    jobs = [
        *seeds([80, 81], arm="InfoNCE", K=4, base_lr=0.06, alpha=None),
        *seeds([82, 83], arm="InfoNCE", K=16, base_lr=0.06, alpha=None),
        *seeds([84, 85], arm="EqCo", K=4, base_lr=0.03, alpha=256),
    ]
    folder = write_sweep(tmp_path / "s", jobs, experiment={"x": "K", "hue": "arm"})
    grid = grid_of(folder)
    assert (grid.hue, grid.keys) == ("arm", ["K", "arm"])
    assert [grid.name(line) for line in grid.lines] == ["InfoNCE", "EqCo"]
    assert grid.settings[["arm", "K"]].to_numpy().tolist() == [["InfoNCE", 4], ["EqCo", 4], ["InfoNCE", 16]]
    mixed = [*jobs, *seeds([86], arm="EqCo", K=4, base_lr=0.06, alpha=256)]  # now an arm has two learning rates
    assert grid_of(write_sweep(tmp_path / "t", mixed, experiment={"x": "K", "hue": "arm"})).keys[2:] == ["base_lr"]


def test_the_position_is_what_was_asked_for_and_for_null_what_the_runs_made_of_it(tmp_path: Path) -> None:
    jobs = [*seeds([80], K=4, alpha=None), *seeds([81], K=4, alpha=64), *seeds([82], K=8, alpha=None)]
    settings = grid_of(write_sweep(tmp_path / "s", jobs), x="alpha").settings
    assert list(zip(settings["alpha"], settings["position"], settings["line"], strict=True)) == [
        (None, 4, 0),
        (None, 8, 1),
        (64, 64, 0),
    ]


def test_the_interval_of_one_seed_is_that_of_the_test_set_and_of_accuracies_alone(tmp_path: Path) -> None:
    jobs = [
        ({"K": K, "seed": s}, {"linear_top1": 80.0 + s, "seconds": 9.0}) for K, n in ((4, 1), (8, 2)) for s in range(n)
    ]
    grid = grid_of(write_sweep(tmp_path / "s", jobs))
    one, two = grid.summary("linear_top1")[["low", "high", "wilson"]].to_numpy().tolist()
    assert one == [*wilson(80.0, 1000), True]
    assert two == [pytest.approx(80.5 - 12.706205 * 0.5), pytest.approx(80.5 + 12.706205 * 0.5), False]
    seconds = grid.summary("seconds")
    assert (seconds["low"].isna().to_list(), seconds["wilson"].any()) == ([True, False], False)


def test_the_number_of_test_images_is_what_the_run_stored(tmp_path: Path) -> None:
    jobs = [({"K": K, "seed": 0}, {"linear_top1": 80.0, "dataset": "image_folder"}) for K in (4, 8)]
    folder = write_sweep(tmp_path / "s", jobs)
    write_right(folder / "K=4,seed=0", "knn", [True, False] * 25)
    found = grid_of(folder).summary("linear_top1")
    assert found[["low", "high"]].iloc[0].to_list() == list(wilson(80.0, 50))
    assert found["wilson"].to_list() == [True, False] and found["low"].isna().iloc[1]


def test_an_axis_that_was_not_asked_for_varies_alone(tmp_path: Path) -> None:
    mixed = [*unrelated(), ({"method": "simo", "K": 4, "tau": 0.3, "batch_size": 64}, {"linear_top1": 75.0})]
    grid = grid_of(write_sweep(tmp_path / "s", mixed))
    assert (grid.x, grid.alone) == ("tau", True)  # K differs together with other settings only
    assert not grid_of(tmp_path / "s", x="K").alone
    assert not grid_of(write_sweep(tmp_path / "t", unrelated())).alone
    assert grid_of(write_sweep(tmp_path / "one", seeds([80, 81], K=4))).alone
    assert grid_of(write_sweep(tmp_path / "made", made_up(4))).x == "K"


def test_lines_are_named_by_what_tells_them_apart(tmp_path: Path) -> None:
    pairs = ((0.1, 0.05, "sgd"), (0.2, 0.1, "sgd"), (0.2, 0.1, "lars"))
    jobs = [({"K": K, "tau": t, "lr": lr, "optim": o}, None) for K in (4, 16) for t, lr, o in pairs]
    grid = grid_of(write_sweep(tmp_path / "s", jobs))
    assert (grid.keys, grid.naming) == (["K", "tau", "lr", "optim"], ["tau", "optim"])
    assert [grid.name(line) for line in grid.lines] == [
        "tau = 0.1, optim = sgd",
        "tau = 0.2, optim = sgd",
        "tau = 0.2, optim = lars",
    ]


def test_runs_of_other_data_are_another_setting(tmp_path: Path) -> None:
    jobs = [({"K": 4, "seed": s}, {"linear_top1": 80.0, "data_hash": f"{80 + s // 2}-abc"}) for s in range(4)]
    grid = grid_of(write_sweep(tmp_path / "s", jobs))
    assert grid.summary("linear_top1")[["data_hash", "n"]].to_numpy().tolist() == [["80-abc", 2], ["81-abc", 2]]
    same = [(told, {**(result or {}), "data_hash": "80-abc"}) for told, result in jobs]
    assert grid_of(write_sweep(tmp_path / "t", same)).summary("linear_top1")["n"].to_list() == [4]


def test_arms_may_be_the_axis_and_what_they_set_is_no_other_line(tmp_path: Path) -> None:
    jobs = [*seeds([80, 81], arm="SimCLR", method="simclr", tau=0.1), *seeds([70, 71], arm="SwAV", method="swav")]
    grid = grid_of(write_sweep(tmp_path / "s", jobs, experiment={"x": "arm", "hue": None}))
    assert (grid.x, grid.keys, len(grid.lines), grid.alone) == ("arm", ["arm"], 1, True)


def test_any_accuracy_or_logged_metric_is_y_but_no_setting_and_no_name_that_leads_elsewhere(tmp_path: Path) -> None:
    found = {"linear_top1": 80.0, "../../away_top1": 99.0, "transfer_a_knn_top1": 70.0}
    folder = write_sweep(tmp_path / "s", [({"K": K, "seed": 0}, found) for K in (4, 8)])
    for run in folder.glob("K=*"):
        (run / "metrics.csv").write_text("step,epoch,lr,effective_rank,contrastive_top1\n9,0,0.1,12.5,40.0\n")
    assert grid_of(folder).y == "linear_top1"
    assert grid_of(folder, y="effective_rank").summary("effective_rank")["mean"].tolist() == [12.5, 12.5]
    with pytest.raises(ConfigError) as error:
        grid_of(folder, y="../../away_top1")
    assert str(error.value).endswith(
        "/s has it; measured there: linear_top1, transfer_a_knn_top1, effective_rank, contrastive_top1"
    )
    for run in folder.glob("K=*"):
        (run / "result.json").write_text((run / "result.json").read_text().replace("linear_top1", "linear"))
    assert grid_of(folder).y == "transfer_a_knn_top1"  # an accuracy of test images, and no file elsewhere


def test_an_accuracy_on_another_data_set_has_the_interval_of_its_own_images(tmp_path: Path) -> None:
    scores = {"linear_top1": 80.0, "transfer_a_knn_top1": 70.0, "contrastive_top1": 60.0}
    folder = write_sweep(tmp_path / "s", [({"K": 4, "seed": 0}, scores)])
    own = grid_of(folder)
    assert own.summary("linear_top1")[["low", "high"]].to_numpy().tolist() == [[*wilson(80.0, 1000)]]
    assert not own.summary("transfer_a_knn_top1")["wilson"].any() and own.step("transfer_a_knn_top1") == 0
    assert not own.summary("contrastive_top1")["wilson"].any()  # of queries
    (run,) = folder.glob("K=*")
    write_right(run, "transfer_a_knn", [True] * 140 + [False] * 60)
    assert grid_of(folder).summary("transfer_a_knn_top1")[["low", "high"]].to_numpy().tolist() == [[*wilson(70.0, 200)]]
    assert grid_of(folder).step("transfer_a_knn_top1") == 0.5
    assert grid_of(folder).summary("linear_top1")[["low", "high"]].to_numpy().tolist() == [[*wilson(80.0, 1000)]]
