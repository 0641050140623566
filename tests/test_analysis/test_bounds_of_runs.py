"""The bounds measured on stored runs: one, a sweep, texts, and runs that cannot be measured."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.analysis.bounds_of_runs import config_of
from contrastive_lab.config.detect_check import composed_detect
from contrastive_lab.errors import ConfigError
from contrastive_lab.evaluation.features import labelled_features
from contrastive_lab.record.run import stored_config
from contrastive_lab.run.build import build_data
from contrastive_lab.run.evaluate import stored_encoder
from contrastive_lab.theory import bounds
from contrastive_lab.theory.bounds.envelope import small_k_columns
from contrastive_lab.theory.bounds.terms import Terms
from tests.conftest import TINY, only_run
from tests.small_texts import SMALL, write_news
from tests.test_run.test_export import stored
from tests.theory_programs import with_settings

measured = with_settings("bounds", views=2, passes=1)


def packed_cifar(folder: Path) -> None:
    """80 training and 30 test images of random pixels, ten classes, as packed arrays."""
    (folder / "cifar10").mkdir(parents=True)
    source = np.random.default_rng(0)
    for part, n in (("train", 80), ("test", 30)):
        np.save(folder / "cifar10" / f"{part}_images.npy", source.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8))
        np.save(folder / "cifar10" / f"{part}_labels.npy", np.arange(n) % 10)


STILL = ("augment.crop.scale=[1,1]", "augment.crop.ratio=[1,1]", "augment.flip=0", "augment.color.p=0")
CLEAN = (*STILL, "augment.gray=0", "augment.blur=0")


def naive_terms(folder: Path, config: DictConfig) -> dict[str, float]:
    """L_sup and d of an encoder whose views are the clean images: mu(x) is the feature itself."""
    (encoder, _), data = stored_encoder(folder, config), build_data(config)
    train, test = (
        labelled_features(encoder, split, data.recipe, "z")
        for split in (data.splits.train, data.splits.test)
        if split is not None
    )
    means = [train.features[train.labels == c].mean(0) for c in range(10)]
    L_sup, d, hits = 0.0, 0.0, 0
    for z, c in zip(test.features, test.labels.tolist(), strict=True):
        scores = [float(z @ mean) for mean in means]
        L_sup += math.log(sum(math.exp(score / config.tau) for score in scores)) - scores[c] / config.tau
        d += min(0.0, scores[c] - 1) / config.tau
        hits += scores.index(max(scores)) == c
    return {"L_sup": L_sup / 30, "d": d / 30, "mean_top1": 100 * hits / 30}


def test_a_stored_run_is_measured(tmp_path: Path, trained: Callable[..., str]) -> None:
    packed_cifar(tmp_path / "data")
    trained(
        *TINY,
        *CLEAN,
        "dataset=cifar10",
        "dataset.images=80",
        f"data_dir={tmp_path / 'data'}",
        "trainer.limit_train_batches=1",
    )
    folder = only_run(tmp_path)
    result = measured(run=str(folder), passes=2)
    (row,) = result.table
    config = stored_config(folder)
    assert (row["draws"], row["tau"], row["method"]) == (6, config.tau, "simo")
    assert row["linear_top1"] == json.loads((folder / "result.json").read_text())["linear_top1"]
    expected = naive_terms(folder, config)
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert row["upsilon"] == 0
    expected = small_k_columns(Terms(*(row[name] for name in Terms._fields)), 5, config.tau, classes=10)
    assert {name: row[name] for name in expected} == pytest.approx(expected)  # 3 test images of each class
    assert row["clean"] == pytest.approx(math.comb(27, 5) / math.comb(29, 5))
    assert row["L_info"] >= max(row["arora_lower"], row["coupon_lower"])
    assert row["coupon_lower"] == pytest.approx(bounds.coupon_lower(Terms(*(row[name] for name in Terms._fields))))


def stored_runs(folder: Path, compose: Callable[..., DictConfig], **values: int | None) -> None:
    """Folders of runs with untrained encoders, each with its own K."""
    packed_cifar(folder / "data")
    for name, K in values.items():
        overrides = (
            "dataset=cifar10",
            "dataset.images=80",
            f"data_dir={folder / 'data'}",
            "backbone.widths=[8,16]",
            "head.dim=16",
        )
        config = compose(*overrides, "batch_size=64", "K=2")
        config.K = K
        stored(folder / "runs" / name, config)


def test_the_bounds_of_a_run_take_the_class_shares_of_its_test_images(
    tmp_path: Path, compose: Callable[..., DictConfig]
) -> None:
    stored_runs(tmp_path, compose, first=5)
    counts = [12, *[2] * 9]
    np.save(tmp_path / "data" / "cifar10" / "test_labels.npy", np.repeat(np.arange(10), counts))
    (row,) = measured(run=str(tmp_path / "runs" / "first")).table
    terms = Terms(*(row[name] for name in Terms._fields))
    expected = small_k_columns(terms, 5, row["tau"], probs=[count / 30 for count in counts])
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert row["ash"] != pytest.approx(small_k_columns(terms, 5, row["tau"], classes=10)["ash"])


def test_a_sweep_is_a_row_for_each_run(tmp_path: Path, compose: Callable[..., DictConfig]) -> None:
    stored_runs(tmp_path, compose, first=5, second=2)
    swept = measured(sweep=str(tmp_path), passes=2)
    assert [(row["run"], row["draws"]) for row in swept.table] == [("second", 3), ("first", 6)]
    assert measured(run=str(tmp_path / "runs" / "first"), passes=2).table == [swept.table[1]]
    accuracy, bound = swept.figure.axes
    assert (accuracy.get_ylabel(), bound.get_yscale()) == ("accuracy in %", "log")
    assert np.array_equal(bound.get_lines()[0].get_xdata(), [3, 6])
    asked = measured(run=str(tmp_path / "runs" / "first"), passes=2, draws=[3, 10], tau=1.0)
    assert [(row["draws"], row["tau"]) for row in asked.table] == [(3, 1.0), (10, 1.0)]


def test_simclr_with_all_keys_has_a_batch_of_k_plus_one(tmp_path: Path, compose: Callable[..., DictConfig]) -> None:
    """Its 2N - 2 negatives have the labels of N - 1 images, and the authors call its batch K + 1."""
    packed_cifar(tmp_path / "data")
    here = (
        "dataset=cifar10",
        "dataset.images=80",
        f"data_dir={tmp_path / 'data'}",
        "backbone.widths=[8,16]",
        "head.dim=16",
        "method=simclr",
    )
    for name, more in {"all": (), "some": ("K=4",), "other": ("loss=spectral", "method.pool=N-1")}.items():
        stored(tmp_path / "runs" / name, compose(*here, "batch_size=20", *more))
    table = measured(sweep=str(tmp_path)).table
    assert {row["run"]: row["draws"] for row in table} == {"all": 20, "some": 5, "other": 20}
    assert {row["run"]: row["alpha"] for row in table} == {"all": "K", "some": "K", "other": "none"}


def test_of_a_sweep_the_runs_that_can_be_measured_are(
    tmp_path: Path, compose: Callable[..., DictConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    stored_runs(tmp_path, compose, large=30, good=5)
    assert [row["run"] for row in measured(sweep=str(tmp_path)).table] == ["good"]
    assert re.fullmatch(r"notice: left out, .*large: draws=31: must lie in 2\.\.30.*\n", capsys.readouterr().err)


def test_runs_of_several_settings_have_panels_of_their_own_with_the_papers_numbers(
    tmp_path: Path, compose: Callable[..., DictConfig]
) -> None:
    stored_runs(tmp_path, compose, few=2, more=5)
    config = OmegaConf.load(tmp_path / "runs" / "few" / ".hydra" / "config.yaml")
    stored(tmp_path / "runs" / "warm", OmegaConf.merge(config, {"tau": 0.5}))  # type: ignore[arg-type]
    for name in ("few", "more", "warm"):  # as a finished run says
        (tmp_path / "runs" / name / "result.json").write_text('{"method": "simo", "dataset": "cifar10"}')
    result = measured(sweep=str(tmp_path))
    above, other, below, _ = result.figure.axes
    assert (above.get_title(), other.get_title()) == tuple(
        f"simo on cifar10\nalpha = 256, tau = {tau}" for tau in (0.2, 0.5)
    )
    (stars,) = [line for line in above.get_lines() if line.get_label() == "the paper (Nozawa & Sato)"]
    assert stars.get_xydata().tolist() == [[32, 82.02], [128, 85.43], [256, 86.68], [512, 87.66]]
    assert not any("linear" in str(line.get_label()) for line in above.get_lines())  # measured by none of these runs
    coupon = [line for line in below.get_lines() if line.get_marker() == "*"]
    first, *_, last = coupon[0].get_xydata().tolist()
    assert first == pytest.approx([32, (2 * 2.02 - 0.26 - 1.32 + 2 * 1.16) / 0.69])
    assert last == pytest.approx([512, 2 * 4.64 - 3.94 + 2 * 1.19])


def test_texts_are_measured(tmp_path: Path, trained: Callable[..., str]) -> None:
    write_news(tmp_path)
    trained(*SMALL, "method=simclr")
    result = measured(run=str(only_run(tmp_path)), passes=2)
    (row,) = result.table
    assert (row["draws"], row["dataset"]) == (16, "ag_news")
    assert row["clean"] == pytest.approx(math.comb(18, 15) / math.comb(23, 15))  # 6 texts of each of 4 topics
    assert row["L_info"] >= row["coupon_lower"] and row["d"] < 0


def test_files_that_cannot_be_read_are_one_line(tmp_path: Path, compose: Callable[..., DictConfig]) -> None:
    stored_runs(tmp_path, compose, good=5, broken=5)
    (tmp_path / "runs" / "broken" / ".hydra" / "config.yaml").write_text("a: [")
    assert [row["run"] for row in measured(sweep=str(tmp_path)).table] == ["good"]
    with pytest.raises(ConfigError, match=r"^[^\n]*broken/.hydra/config.yaml: cannot be read[^\n]*$"):
        measured(run=str(tmp_path / "runs" / "broken"))


def test_a_detector_has_no_bounds(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save(composed_detect(["start=random"]), tmp_path / ".hydra" / "config.yaml")
    with pytest.raises(ConfigError, match="is a run of detect; give the one that its detector started from"):
        config_of(tmp_path, None)


def test_runs_that_cannot_be_measured_are_named(tmp_path: Path, compose: Callable[..., DictConfig]) -> None:
    stored_runs(tmp_path, compose, large=30, old=5, damaged=5)
    runs = tmp_path / "runs"
    with pytest.raises(ValueError, match=r"large: draws=31: must lie in 2\.\.30"):
        measured(run=str(runs / "large"))
    config = runs / "old" / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("  kind: mlp_bn", "  kind: mlp_bn\n  scale: 1"))
    with pytest.raises(ValueError, match=r"old: cannot be built by this version of the code .*scale"):
        measured(run=str(runs / "old"))
    (runs / "damaged" / "checkpoints" / "last.ckpt").write_text("")
    with pytest.raises(ValueError, match=r"^theory.run=.*damaged: its checkpoint checkpoints/last.ckpt is damaged"):
        measured(run=str(runs / "damaged"))
    without = OmegaConf.load(runs / "large" / ".hydra" / "config.yaml")
    without.merge_with({"method_info": {"pool": "none"}})
    OmegaConf.save(without, runs / "large" / ".hydra" / "config.yaml")
    with pytest.raises(ValueError, match=r"^theory.draws=null: .*large has no K of its own"):
        measured(run=str(runs / "large"))
