"""The terms measured on encoders: of features known beforehand, and of stored runs."""

import itertools
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.config.stored import stored_config
from contrastive_lab.dataset import Arrays, Images, Splits
from contrastive_lab.dataset.split import Split
from contrastive_lab.encoder import Encoder
from contrastive_lab.evaluation.features import labelled_features
from contrastive_lab.run.build import build_data
from contrastive_lab.run.evaluate import stored_encoder
from contrastive_lab.theory import bounds
from contrastive_lab.theory.bounds import Terms
from contrastive_lab.theory.bounds_batches import batch_terms
from contrastive_lab.theory.bounds_views import view_pairs
from contrastive_lab.theory.collapsed import collapsed_terms
from contrastive_lab.theory.collision import expected_log_collisions_without_replacement
from contrastive_lab.theory.experiment.bounds import run
from contrastive_lab.theory.measured import label_probabilities, measure
from tests.conftest import TINY, only_run
from tests.test_dataset_text import SMALL, write
from tests.test_export import stored
from tests.test_theory_bounds import DIALS

RECIPE = Recipe(8, [0.5], [0.25], Crop(), flip=0.5, color=Color(p=0.0), gray=0.0, blur=0.0)


class Brightness(nn.Module):
    """Backbone: the place of an image's grey level among C levels, as a vertex of a regular simplex."""

    num_features = 5

    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(()))  # an encoder has parameters

    def forward(self, images: Tensor) -> Tensor:
        level = ((images[:, 0, 0, 0] * 0.25 + 0.5) * 5).floor().long()
        return F.one_hot(level, 5) - 0.2 + self.offset


def grey(n: int) -> Arrays:
    """Images of one grey level each, which is their class of five."""
    labels = np.arange(n, dtype=np.int64) % 5
    return Arrays(
        np.broadcast_to((labels * 51 + 25).astype(np.uint8)[:, None, None, None], (n, 8, 8, 1)).copy(), labels
    )


def grey_data(train: int = 40, test: int = 100) -> Images:
    return Images(Splits(grey(train), grey(train), grey(test)), RECIPE, 20)


def test_collapsed_features_give_the_closed_form() -> None:
    corners = F.normalize(torch.eye(5, dtype=torch.float64) - 0.2, dim=1)
    labels = torch.randint(5, (20, 400, 8), generator=torch.Generator().manual_seed(0))
    parts = [batch_terms(corners[own], corners[own], corners[own], own, corners, 0.5) for own in labels]
    means, exact = np.array(parts), collapsed_terms(draws=8, classes=5)
    error = means.std(axis=0, ddof=1) / math.sqrt(len(parts))
    assert (abs(means.mean(axis=0) - np.array(exact)) <= 4 * error + 1e-12).all()
    assert 0 < error.max() < 0.01


def test_measured_terms_of_collapsed_views() -> None:
    encoder = Encoder(Brightness(), nn.Identity())
    (terms,), facts = measure(encoder, grey_data(), [6], tau=0.5, views=2, passes=30)
    exact = collapsed_terms(draws=6, classes=5)
    assert terms.d == pytest.approx(0, abs=1e-6)
    assert terms.L_sup == pytest.approx(exact.L_sup, abs=1e-5)
    assert facts == {"mean_top1": 100, "collision_bound": pytest.approx(0, abs=1e-6)}
    # 30 passes of 16 batches: the standard deviation of ln(Col + 1) is below 0.5, and anchors of a batch depend on
    # each other, so count batches alone: 4 * 0.5 / sqrt(480).
    collisions = expected_log_collisions_without_replacement(5, [20] * 5)
    assert terms.collision == pytest.approx(collisions, abs=4 * 0.5 / math.sqrt(480))
    e = math.exp((-1 / 4 - 1) / 0.5)
    chances = [math.comb(19, m) * math.comb(80, 5 - m) / math.comb(99, 5) for m in range(6)]
    L_info = sum(p * math.log(1 + m + (5 - m) * e) for m, p in enumerate(chances))
    assert terms.L_info == pytest.approx(L_info, abs=4 * 0.5 / math.sqrt(480))
    assert encoder.training


def test_measuring_depends_on_the_seed_alone(splits: Splits) -> None:
    data, encoder = Images(splits, replace(RECIPE, size=12), 20), noisy_encoder()
    first, again, other = (measure(encoder, data, [4, 30], 0.5, views=2, passes=1, seed=s) for s in (0, 0, 1))
    assert first == again
    assert first != other
    assert len(first[0]) == 2
    assert first[0][1].upsilon == 1  # all test images in one batch


@pytest.mark.parametrize("counts", [[2, 2, 2], [1, 2, 3]])
@pytest.mark.parametrize("draws", [2, 3, 4, 6])
def test_label_probabilities_are_those_of_all_orders(counts: list[int], draws: int) -> None:
    labels = [c for c, count in enumerate(counts) for _ in range(count)]
    orders = list(itertools.permutations(range(6), draws))
    covered = clean = both = 0
    for order in orders:
        anchor, *others = (labels[i] for i in order)
        covered += {anchor, *others} == {0, 1, 2}
        clean += anchor not in others
        both += anchor not in others and {anchor, *others} == {0, 1, 2}
    expected = {"upsilon": covered, "clean": clean, "rho": both}
    found = label_probabilities(draws, counts)
    assert found == pytest.approx({name: hits / len(orders) for name, hits in expected.items()}, rel=1e-9)


@pytest.mark.parametrize(
    ("dials", "message"),
    [
        ({"draws": [101]}, r"draws=101: must lie in 2\.\.100, the number of test images"),
        ({"draws": [5, 1]}, "draws=1"),
        ({"views": 3}, "views=3"),
    ],
)
def test_measuring_refuses(dials: dict[str, object], message: str) -> None:
    settings = {"draws": [5], "tau": 0.5, "views": 2, "passes": 1, **dials}
    with pytest.raises(ValueError, match=message):
        measure(Encoder(Brightness(), nn.Identity()), grey_data(), **settings)  # type: ignore[arg-type]


def test_measuring_needs_every_class() -> None:
    data = grey_data(test=4)
    with pytest.raises(ValueError, match="test images of each of the 5 classes"):
        measure(Encoder(Brightness(), nn.Identity()), data, [3], 0.5, views=2, passes=1)
    unlabelled = Images(Splits(grey(40), None, None), RECIPE, 20)
    with pytest.raises(ValueError, match="no labelled test images"):
        measure(Encoder(Brightness(), nn.Identity()), unlabelled, [3], 0.5, views=2, passes=1)


# views


class Corner(nn.Module):
    """Backbone: a few of the pixels themselves."""

    num_features = 12

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.scale * images[:, :, ::6, ::6].flatten(1)


def noisy_encoder() -> Encoder:
    return Encoder(Corner(), nn.Identity())


def test_every_image_gets_views_of_its_own_in_order(splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.theory.bounds_views.ROWS", 50)  # 120 images: two blocks and a rest of 20
    whole = Crop(scale=(1.0, 1.0), ratio=(1.0, 1.0))
    still = Recipe(12, [0.5], [0.25], whole, flip=0.0, color=Color(p=0.0), gray=0.0, blur=0.0)
    data, encoder = Images(splits, still, 20), noisy_encoder()
    clean = labelled_features(encoder, splits.pretrain, still, "z").features
    for pair in islice(view_pairs(encoder, splits.pretrain, data, 0, "x"), 2):
        torch.testing.assert_close(pair, clean.expand(2, -1, -1))


def test_views_are_new_each_time_and_known_by_seed_and_purpose(splits: Splits) -> None:
    data, encoder = Images(splits, replace(RECIPE, size=12), 20), noisy_encoder()
    key = [(0, "x"), (0, "x"), (1, "x"), (0, "y")]
    first, again, other, purpose = (list(islice(view_pairs(encoder, splits.pretrain, data, *each), 2)) for each in key)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    views = [view for pairs in (first, other, purpose) for pair in pairs for view in pair]
    for a, b in itertools.combinations(views, 2):
        assert (a != b).any(1).float().mean() > 0.9


def test_the_terms_are_those_of_a_naive_loop_over_three_sets_of_views(splits: Splits) -> None:
    """mu(x) is of other views than the anchor, else d(f) were too small; the collision bound compares two views."""
    data, encoder, tau = Images(splits, replace(RECIPE, size=12), 20), noisy_encoder(), 0.5
    (terms,), facts = measure(encoder, data, [30], tau, views=4, passes=1, seed=3)  # all 30 test images in one batch

    def views(split: Split | None, purpose: str, pairs: int) -> Tensor:
        assert split is not None
        return torch.cat(list(islice(view_pairs(encoder, split, data, 3, purpose), pairs))).double()

    train, own, (anchors, keys) = (
        views(splits.train, "train", 2),
        views(splits.test, "mean", 2),
        views(splits.test, "batches", 1),
    )
    labels, test = (
        torch.as_tensor(split.labels).tolist() for split in (splits.train, splits.test) if split is not None
    )
    centres = [
        torch.stack([train[v, i] for v in range(4) for i in range(120) if labels[i] == c]).mean(0) for c in range(3)
    ]
    L_info = d = 0.0
    for i, c in enumerate(test):
        cosines = [float(anchors[i] @ keys[j]) / tau for j in range(30)]
        L_info += math.log(sum(map(math.exp, cosines))) - cosines[i]
        d += min(0.0, float(anchors[i] @ (centres[c] - own[:, i].mean(0))) / tau)
    assert (terms.L_info, terms.d) == pytest.approx((L_info / 30, d / 30), rel=1e-5)
    first, second = train[0], train[1]
    gaps = [
        sum(abs(float(second[j] @ (first[i] - first[j]))) for i in range(120) if labels[i] == labels[j] and i != j) / 39
        for j in range(120)
    ]
    assert facts["collision_bound"] == pytest.approx(sum(gaps) / 120, rel=1e-5)


# stored runs


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
    trained(*TINY, *CLEAN, "dataset=cifar10", f"data_dir={tmp_path / 'data'}", "trainer.limit_train_batches=1")
    folder = only_run(tmp_path)
    outcome = run(**{**DIALS, "run": str(folder), "views": 2, "passes": 2})
    (row,) = outcome.table
    config = stored_config(folder)
    assert (row["draws"], row["tau"], row["method"]) == (6, config.tau, "simo")
    assert row["linear_top1"] == json.loads((folder / "result.json").read_text())["linear_top1"]
    expected = naive_terms(folder, config)
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert row["upsilon"] == 0
    assert row["clean"] == pytest.approx(math.comb(27, 5) / math.comb(29, 5))
    assert row["L_info"] >= max(row["arora_lower"], row["coupon_lower"])
    assert row["coupon_lower"] == pytest.approx(bounds.coupon_lower(Terms(*(row[name] for name in Terms._fields))))


def stored_runs(folder: Path, compose: Callable[..., DictConfig], **values: int | None) -> None:
    """Folders of runs with untrained encoders, each with its own K."""
    packed_cifar(folder / "data")
    for name, K in values.items():
        overrides = ("dataset=cifar10", f"data_dir={folder / 'data'}", "backbone.widths=[4,8]", "head.dim=16")
        config = compose(*overrides, "batch_size=64", "K=2")
        config.K = K
        stored(folder / "runs" / name, config)


def test_a_sweep_is_a_row_for_each_run(tmp_path: Path, compose: Callable[..., DictConfig]) -> None:
    stored_runs(tmp_path, compose, first=5, second=2)
    dials = {**DIALS, "views": 2, "passes": 2}
    swept = run(**{**dials, "sweep": str(tmp_path)})
    assert [(row["run"], row["draws"]) for row in swept.table] == [("second", 3), ("first", 6)]
    assert run(**{**dials, "run": str(tmp_path / "runs" / "first")}).table == [swept.table[1]]
    accuracy, bound = swept.figure.axes
    assert (accuracy.get_ylabel(), bound.get_yscale()) == ("accuracy in %", "log")
    assert np.array_equal(bound.get_lines()[0].get_xdata(), [3, 6])
    asked = run(**{**dials, "run": str(tmp_path / "runs" / "first"), "draws": [3, 10], "tau": 1.0})
    assert [(row["draws"], row["tau"]) for row in asked.table] == [(3, 1.0), (10, 1.0)]


def test_simclr_with_all_keys_has_a_batch_of_k_plus_one(tmp_path: Path, compose: Callable[..., DictConfig]) -> None:
    """Its 2N - 2 negatives have the labels of N - 1 images, and the authors call its batch K + 1."""
    packed_cifar(tmp_path / "data")
    here = ("dataset=cifar10", f"data_dir={tmp_path / 'data'}", "backbone.widths=[4,8]", "head.dim=16", "method=simclr")
    for name, more in {"all": (), "some": ("K=4",), "other": ("method.pool=N-1",)}.items():
        stored(tmp_path / "runs" / name, compose(*here, "batch_size=20", *more))
    table = run(**{**DIALS, "views": 2, "passes": 1, "sweep": str(tmp_path)}).table
    assert {row["run"]: row["draws"] for row in table} == {"all": 20, "some": 5, "other": 20}


def test_of_a_sweep_the_runs_that_can_be_measured_are(
    tmp_path: Path, compose: Callable[..., DictConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    stored_runs(tmp_path, compose, large=30, good=5)
    dials = {**DIALS, "views": 2, "passes": 1, "sweep": str(tmp_path)}
    assert [row["run"] for row in run(**dials).table] == ["good"]
    assert re.fullmatch(r"notice: left out, .*large: draws=31: must lie in 2\.\.30.*\n", capsys.readouterr().err)


def test_runs_of_several_settings_have_panels_of_their_own_with_the_papers_numbers(
    tmp_path: Path, compose: Callable[..., DictConfig]
) -> None:
    stored_runs(tmp_path, compose, few=2, more=5)
    config = OmegaConf.load(tmp_path / "runs" / "few" / ".hydra" / "config.yaml")
    stored(tmp_path / "runs" / "warm", OmegaConf.merge(config, {"tau": 0.5}))  # type: ignore[arg-type]
    for name in ("few", "more", "warm"):  # as a finished run says
        (tmp_path / "runs" / name / "result.json").write_text('{"method": "simo", "dataset": "cifar10"}')
    outcome = run(**{**DIALS, "views": 2, "passes": 1, "sweep": str(tmp_path)})
    above, other, below, _ = outcome.figure.axes
    assert (above.get_title(), other.get_title()) == tuple(
        f"simo on cifar10\nalpha = 256, tau = {tau}" for tau in (0.2, 0.5)
    )
    (stars,) = [line for line in above.get_lines() if line.get_label() == "the paper (Nozawa & Sato)"]
    assert stars.get_xydata().tolist() == [[32, 82.02], [128, 85.43], [256, 86.68], [512, 87.66]]
    assert not any("linear" in str(line.get_label()) for line in above.get_lines())  # measured by none of these runs
    coupon = [line for line in below.get_lines() if line.get_marker() == "*"]
    assert coupon[0].get_xydata().tolist()[-1] == pytest.approx([512, 2 * 4.64 - 3.94 + 2 * 1.19])


def test_texts_are_measured(tmp_path: Path, trained: Callable[..., str]) -> None:
    write(tmp_path / "ag_news" / "train.csv", 64, seed=0)
    write(tmp_path / "ag_news" / "test.csv", 24, seed=1)
    trained(*SMALL, "method=simclr")
    outcome = run(**{**DIALS, "run": str(only_run(tmp_path)), "views": 2, "passes": 2})
    (row,) = outcome.table
    assert (row["draws"], row["dataset"]) == (16, "ag_news")
    assert row["clean"] == pytest.approx(math.comb(18, 15) / math.comb(23, 15))  # 6 texts of each of 4 topics
    assert row["L_info"] >= row["coupon_lower"] and row["d"] < 0


def test_runs_that_cannot_be_measured_are_named(tmp_path: Path, compose: Callable[..., DictConfig]) -> None:
    stored_runs(tmp_path, compose, large=30, old=5, damaged=5)
    runs = tmp_path / "runs"
    dials = {**DIALS, "views": 2, "passes": 1}
    with pytest.raises(ValueError, match=r"large: draws=31: must lie in 2\.\.30"):
        run(**{**dials, "run": str(runs / "large")})
    config = runs / "old" / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("  kind: mlp_bn", "  kind: mlp_bn\n  scale: 1"))
    with pytest.raises(ValueError, match=r"old: cannot be built by this version of the code .*scale"):
        run(**{**dials, "run": str(runs / "old")})
    (runs / "damaged" / "checkpoints" / "last.ckpt").write_text("")
    with pytest.raises(ValueError, match=r"^theory.run=.*damaged: its checkpoint checkpoints/last.ckpt is damaged"):
        run(**{**dials, "run": str(runs / "damaged")})
    without = OmegaConf.load(runs / "large" / ".hydra" / "config.yaml")
    without.merge_with({"about": {"pool": "none"}})
    OmegaConf.save(without, runs / "large" / ".hydra" / "config.yaml")
    with pytest.raises(ValueError, match=r"^theory.draws=null: .*large has no K of its own"):
        run(**{**dials, "run": str(runs / "large")})
