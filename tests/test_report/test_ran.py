"""What ran, and what makes it another sweep than its experiment."""

from pathlib import Path

from contrastive_lab.record.sweep import read_sweep
from contrastive_lab.report.page import page
from contrastive_lab.report.ran import departures, ran, subject
from tests.sweep_folder import grid_of, write_sweep

RESULT = {"dataset": "cifar10", "backbone": "timm", "arch": "resnet26", "batch_size": 64, "epochs": 2, "git": "abc"}


def test_what_all_runs_share_is_told_with_seeds_and_commit(tmp_path: Path) -> None:
    jobs = [({"tau": tau, "seed": seed}, {**RESULT, "tau": tau, "seed": seed}) for tau in (0.1, 0.2) for seed in (1, 0)]
    sweep = read_sweep(write_sweep(tmp_path / "s", [*jobs, ({"tau": 0.1, "seed": 2}, None)]))
    shared = {"method": "simo", "data": "cifar10", "backbone": "timm (resnet26)", "N": "64", "epochs": "2"}
    assert ran(sweep) == shared | {"seeds": "0, 1, 2", "commit": "abc"}  # tau varies
    assert (subject(sweep, 48), departures(sweep)) == ("simo on cifar10", [])


def test_what_departs_from_the_experiment_is_told(tmp_path: Path) -> None:
    overrides = ["experiment=x", "scale=laptop", "seed=0,1", "epochs=2", "tau=0.2", "+new=1", "sweep=s", "data_dir=/d"]
    experiment = {"set": {"epochs": 4}, "grid": {"laptop": [{"set": {"tau": 0.1}, "seed": [0, 1]},
                                                            {"set": {"tau": 0.3}, "seed": [0, 1]}]}}  # fmt: skip
    told = {"experiment": experiment, "overrides": overrides, "scale": "laptop"}
    folder = write_sweep(tmp_path / "s", [({"epochs": 2}, {}), ({"epochs": 3}, {})], **told)
    expected = ["epochs = 2 (there 4)", "tau = 0.2 (there 0.1 or 0.3)", "new = 1 (there not set)"]
    assert departures(read_sweep(folder)) == expected
    assert f"Not as in the experiment: {'; '.join(expected)}." in page(grid_of(folder), [], [], tmp_path)
