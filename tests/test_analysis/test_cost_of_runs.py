"""Costs of stored runs: which runs are compared, and what is measured on them."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from contrastive_lab.analysis.cost_of_runs import arms, cost_rows
from contrastive_lab.config.overrides import composed
from contrastive_lab.evaluation.competition import Kept
from contrastive_lab.record.files import CHECKPOINT
from contrastive_lab.record.result import read_result
from contrastive_lab.record.sweep import read_sweep
from tests.conftest import TINY
from tests.sweep_folder import Told, write_sweep
from tests.theory_programs import with_settings


def job(arm: str, top1: float | None, **told: object) -> Told:
    return {"arm": arm, **told}, None if top1 is None else {"linear_top1": top1}


def test_runs_are_compared_within_an_arm_and_seed_the_most_negatives_first(tmp_path: Path) -> None:
    jobs = [
        job("a", 60.0, alpha=256, K=1, seed=0),
        job("a", 70.0, alpha=256, K=64, seed=0),
        job("a, more sets", 65.0, alpha=256, sets=9, K=1, seed=0),
        job("a", 71.0, alpha=256, K=64, seed=1),  # alone with its seed
        job("b", 50.0, alpha=4, K=1, seed=0),
        job("b", None, alpha=4, K=64, seed=0),  # not run
    ]
    ((most, own),) = arms(read_sweep(write_sweep(tmp_path / "s", jobs)), "linear_top1")
    assert own[["K", "sets", "linear_top1"]].to_numpy().tolist() == [[64, 1, 70.0], [1, 1, 60.0], [1, 9, 65.0]]
    assert most.name == own.index[0]


def test_the_most_negatives_may_be_a_run_of_an_arm_with_the_same_loss_there(tmp_path: Path) -> None:
    jobs = [
        job("InfoNCE", 70.0, alpha=None, K=255, seed=0),
        job("InfoNCE", 60.0, alpha=None, K=1, seed=0),
        job("EqCo", 65.0, alpha=256, K=1, seed=0),  # log(256 / 255) = 0.004
        job("EqCo, more sets", 67.0, alpha=256, K=1, sets=9, seed=0),
        job("EqCo", 66.0, alpha=256, K=1, seed=1),  # with no run of all keys
        job("less", 62.0, alpha=128, K=1, seed=0),
        job("DCL", 61.0, alpha=math.inf, K=1, seed=0),
        job("DCL", 69.0, alpha=math.inf, K=255, seed=2),
        job("DCL", 68.0, alpha=math.inf, K=1, seed=2),
        job("EqCo", 71.0, alpha=256, K=255, seed=3),
        job("InfoNCE", 63.0, alpha=None, K=1, seed=3),  # the other way round
        job("EqCo", 72.0, alpha=256, K=255, seed=4),
        job("EqCo", 64.0, alpha=256, K=1, seed=4),
        job("InfoNCE", 73.0, alpha=None, K=255, seed=4),  # each has its own
        job("InfoNCE", 59.0, alpha=None, K=1, seed=4),
    ]
    sweep = read_sweep(write_sweep(tmp_path / "s", jobs))
    told = [(alpha, K) for alpha, K in zip(sweep.asked["alpha"], sweep.asked["K"], strict=True)]
    sweep.results["alpha"] = [K if alpha is None else float(alpha) for alpha, K in told]  # as runs store what they used
    found = [(most["linear_top1"], own["linear_top1"].tolist()) for most, own in arms(sweep, "linear_top1")]
    assert found == [
        (70.0, [70.0, 60.0]),
        (70.0, [65.0, 67.0]),
        (69.0, [69.0, 68.0]),
        (71.0, [63.0]),
        (72.0, [72.0, 64.0]),
        (73.0, [73.0, 59.0]),
    ]


def test_a_row_has_the_name_of_its_arm_and_not_of_the_one_with_more_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[float | None]()

    def kept(hand: object, objective: object, tau: float, alpha: float | None, K: int, sets: int) -> Kept:
        seen.append(alpha)
        return Kept(*[1.0] * len(Kept._fields))

    jobs = [
        job("InfoNCE", 70.0, alpha=None, K=255, seed=0),
        job("EqCo", 66.0, alpha=256, K=16, seed=0),
        job("EqCo", 65.0, alpha=256, K=1, seed=0),
        job("EqCo, more sets", 67.0, alpha=256, K=1, sets=9, seed=0),
    ]
    sweep = read_sweep(write_sweep(tmp_path / "s", jobs))
    config = composed(["method=simo"])
    checkpoint = sweep.folder / "K=255,alpha=null,seed=0" / CHECKPOINT
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    here = "contrastive_lab.analysis.cost_of_runs."
    monkeypatch.setattr(here + "config_of", lambda *_: config)
    monkeypatch.setattr(here + "built", lambda *_: (None, None))
    monkeypatch.setattr(here + "keys_of_images", lambda *_: None)
    monkeypatch.setattr(here + "build_objective", lambda *_: None)
    monkeypatch.setattr(here + "kept", kept)
    rows = cost_rows(sweep.folder, "linear_top1", None, 0)
    assert [(row["arm"], row["K"], row["sets"], row["of"], row["cost"]) for row in rows] == [
        ("EqCo", 16, 1, 255, 4.0),
        ("EqCo", 1, 1, 255, 5.0),
        ("EqCo", 1, 9, 255, 3.0),
    ]
    assert {*seen} == {256.0}  # its own, though the encoder was trained with K = 255 of them


def test_without_a_checkpoint_a_run_is_left_out_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_sweep(tmp_path / "s", [job("a", 60.0, K=1, seed=0), job("a", 70.0, K=64, seed=0)])
    with pytest.raises(ValueError, match="no finished runs"):
        cost_rows(folder, "linear_top1", None, 0)
    assert capsys.readouterr().err == (
        "notice: K=64,seed=0 and the runs beside it left out, the run with the most negatives has no checkpoint\n"
    )


def test_arms_that_are_set_beside_other_numbers_of_negatives_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mosts = ((0, 64), (1, 16), (2, 64))
    jobs = [job("a", 60.0, K=K, seed=seed) for seed, most in mosts for K in (1, most)]
    monkeypatch.setattr(
        "contrastive_lab.analysis.cost_of_runs._measured",
        lambda sweep, most, own, *_: [{"arm": sweep.asked.loc[own.index[0], "arm"], "of": int(most["K"])}],
    )
    folder = write_sweep(tmp_path / "s", jobs)
    assert len(cost_rows(folder, "linear_top1", None, 0)) == 3
    told = f"notice: arms of {folder} have other numbers of most negatives: 64 of a, 16 of a\n"
    assert capsys.readouterr().err == told


@pytest.mark.long
@pytest.mark.usefixtures("no_report")
def test_a_sweep_is_measured_on_its_encoders_with_the_most_negatives(
    tmp_path: Path, trained: Callable[..., str]
) -> None:
    told = [*TINY[1:], "K=1,32", "alpha=null,64,32.1", "seed=3", "sweep=s", "trainer.limit_train_batches=2"]
    trained("-m", *told)
    folder = tmp_path / "outputs" / "sweeps" / "s"
    shutil.rmtree(folder / "K=32,alpha=32.1")  # with 32 keys it is InfoNCE, to 0.003
    rows = sorted(cost_rows(folder, "linear_top1", None, 0), key=lambda row: row["run"])
    assert [(row["arm"], row["K"], row["of"], row["seed"]) for row in rows] == [
        ("simo, info_nce, alpha 32.1, tau 0.2", 1, 32, 3),
        ("simo, info_nce, alpha 64, tau 0.2", 1, 32, 3),
        ("simo, info_nce, alpha K, tau 0.2", 1, 32, 3),
    ]
    assert {(row["kind"], row["dataset"], row["tau"]) for row in rows} == {("images", "fashion_mnist_mini", 0.2)}
    for row, (alpha, beside) in zip(rows, (("32.1", "null"), ("64", "64"), ("null", "null")), strict=True):
        most = folder / f"K=32,alpha={beside}"
        few = folder / row["run"]
        assert few.name == f"K=1,alpha={alpha}"
        top1 = [read_result(run).scores["linear_top1"] for run in (most, few)]
        assert row["cost"] == top1[0] - top1[1]
        alphas = [None if alpha == "null" else float(alpha)]
        table = with_settings("competition", run=str(most), K=[1, 32], alphas=alphas, taus=[0.2])().table
        w = [each["factor"] for each in table]
        assert row["factor"] == pytest.approx(math.log(w[1] / w[0]))
