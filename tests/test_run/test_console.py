import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig

from contrastive_lab.config.resolve import resolve
from contrastive_lab.dataset import Arrays, Splits
from contrastive_lab.record.result import Result, Status
from contrastive_lab.run.console import at_chance, banner, short_summary, summary

Compose = Callable[..., DictConfig]
FOLDER = Path("outputs/simo/x")


def told(config: DictConfig, images: int = 5000) -> list[str]:
    """The lines of a banner."""
    data = Arrays(np.zeros((images, 1, 1, 1), np.uint8), np.arange(images) % 10)
    splits = Splits(data, data, data, ("class eel: no test images",))
    return unfolded(banner(config, resolve(config).counted(config, images), splits, FOLDER))


def unfolded(text: str) -> list[str]:
    """Lines, each whole again where it was folded to fit 80 columns."""
    assert max(map(len, text.splitlines())) <= 80
    return text.replace("\n" + " " * 11, " ").splitlines()


def test_the_banner_tells_the_margin_and_the_learning_rate(compose: Compose) -> None:
    lines = told(compose("K=16", "alpha=65536", "tau=0.2", "batch_size=64", "base_lr=0.25"))
    assert "negatives  K = 16 of 63 keys (N-1)" in lines
    margin, ceiling = 0.2 * math.log(65536 / 16), math.log(65537)
    assert f"margin tau*log(alpha/K) = {margin:.4f}; log(1 + alpha) = {ceiling:.3f}" in "\n".join(lines)
    assert f"steps      N = 64 of 5,000 images, {5000 // 64} steps an epoch, 10 epochs, 1 process(es)" in lines
    assert f"optimizer  sgd, learning rate 0.25 * 64/256 = {0.25 * 64 / 256:g}, warmup_times_cosine" in lines
    assert f"folder     {FOLDER}" in lines
    assert lines[-1] == "notice: class eel: no test images"


@pytest.mark.parametrize(("limit", "steps"), [("30", 30), ("500", 78), ("0.5", 39), ("null", 78)])  # of 5000 // 64
def test_the_banner_counts_the_steps_that_an_epoch_takes(limit: str, steps: int, compose: Compose) -> None:
    config = compose("K=4", "batch_size=64", f"trainer.limit_train_batches={limit}")
    (line,) = [line for line in told(config) if "steps" in line]
    assert f" {steps} steps an epoch, " in line


@pytest.mark.parametrize(
    ("setting", "end"),
    [
        ("max_steps=7", ", stops after 7 of 95 steps"),
        ("max_steps=95", ""),
        ("max_steps=-1", ""),
        ("max_steps=null", ""),
        ("fast_dev_run=true", ", stops after 1 of 95 steps"),
        ("fast_dev_run=3", ", stops after 3 of 95 steps"),
        ("fast_dev_run=false", ""),
    ],
)
def test_the_banner_tells_after_how_many_steps_the_run_stops(setting: str, end: str, compose: Compose) -> None:
    config = compose("K=4", "batch_size=64", "epochs=5", "trainer.limit_train_batches=19", f"trainer.{setting}")
    assert f"steps      N = 64 of 5,000 images, 19 steps an epoch, 5 epochs{end}, 1 process(es)" in told(config)


def test_the_banner_tells_which_labels_there_are(compose: Compose) -> None:
    config = compose()
    data, bare = (
        Arrays(np.zeros((300, 1, 1, 1), np.uint8), np.arange(300) % 3),
        Arrays(np.zeros((9, 1, 1, 1), np.uint8)),
    )
    for splits, labels in (
        (Splits(data, data, data), "3 classes, 300 to test"),
        (Splits(data, None, None), "3 classes, none to test"),
        (Splits(bare, None, None), "none"),
    ):
        lines = unfolded(banner(config, resolve(config).counted(config, 300), splits, FOLDER))
        assert f"labels     {labels}" in lines


def test_a_queue_longer_than_the_images_is_noticed(compose: Compose) -> None:
    config = compose("method=moco_v2", "K=1024")
    assert [line for line in told(config, images=500) if line.startswith("notice: the queue of 1024 is longer")]
    assert not [line for line in told(config, images=1024) if line.startswith("notice: the queue")]


def test_a_method_without_negatives_has_no_line_of_them(compose: Compose) -> None:
    lines = told(compose("method=swav"))
    assert "loss       no negatives, tau = 0.1" in lines
    assert not [line for line in lines if line.startswith("negatives")]


@pytest.mark.parametrize("method", ["supervised", "finetune"])
def test_the_loss_of_a_classifier_is_cross_entropy(method: str, compose: Compose) -> None:
    lines = [line for line in told(compose(f"method={method}")) if line.startswith(("loss", "negatives"))]
    assert lines == ["loss       cross-entropy"]


RESULT = Result(Status.DONE, method="x", seed=0, loss=2.0, seconds=1.0, images_per_second=1.0)  # without K and labels
LOSSES = [  # what is typed, the line of the loss at K = 16 and tau = 0.2, and why there is no estimate
    ("loss=nce method=npid", "nce, tau = 0.2", "loss=nce"),
    ("loss=spectral", "spectral, mu = 5.0, phi = square, phi_tau = 0.5", "loss=spectral"),
    ("loss=debiased alpha=64", "debiased, alpha = 64, tau = 0.2, tau_plus = 0.1", "loss=debiased"),
    ("loss=hard loss.tau_plus=0 alpha=inf", "hard, alpha = inf, tau = 0.2, beta = 1.0, tau_plus = 0", "loss=hard"),
    (
        "loss=dual_temperature alpha=null",
        "dual_temperature, alpha = 16, tau = 0.2, second_tau = 1.0",
        "loss=dual_temperature",
    ),
    ("alpha=inf", "alpha = inf, tau = 0.2 (DCL: no margin, no estimate of the mutual information)", "alpha=inf"),
    (
        "alpha=inf dclw_sigma=0.5",
        "alpha = inf, tau = 0.2, dclw_sigma = 0.5 (DCLW: no margin, no estimate of the mutual information)",
        "alpha=inf",
    ),
    (
        "alpha=inf remember=0.1",
        "alpha = inf, tau = 0.2, remember = 0.1 (SogCLR: no margin, no estimate of the mutual information)",
        "alpha=inf",
    ),
    (
        "method=npid loss=info_nce method.proximal=1 alpha=1e3",
        "alpha = 1000, tau = 0.2, margin tau*log(alpha/K) = 0.8270; log(1 + alpha) = 6.909",
        "method.proximal",
    ),
]


@pytest.mark.parametrize(("typed", "line", "why"), LOSSES, ids=[typed for typed, *_ in LOSSES])
def test_a_loss_is_told_with_what_it_has_and_why_there_is_no_estimate(
    typed: str, line: str, why: str, compose: Compose
) -> None:
    config = compose("K=16", *typed.split(), *([] if "spectral" in typed else ["tau=0.2"]))
    assert [text for text in told(config) if text.startswith("loss ")] == [f"loss       {line}"]
    lines = unfolded(summary(config, resolve(config), replace(RESULT, K=16), {}, 100, FOLDER))
    assert f"MI         no estimate: undefined with {why}" in lines
    settings = [text for text in typed.split() if text.partition("=")[0] in ("loss", "remember", "dclw_sigma")]
    assert lines[0] == f"{' '.join(['x K=16 seed=0', *(s for s in settings if s != 'loss=info_nce')])}: done"


def test_the_summary_of_a_method_without_negatives_has_no_line_of_the_estimate(compose: Compose) -> None:
    config = compose("method=swav")
    text = summary(config, resolve(config), RESULT, {}, 100, FOLDER)
    assert "MI " not in text and text.startswith("x seed=0: done")


def test_the_banner_counts_the_negatives_of_the_own_class_as_they_are_drawn(compose: Compose) -> None:
    lines = told(compose("K=1", "own_class_share=0.5"))
    assert "LABELS ARE USED: 1 of a query's 1 negatives are of its own class" in lines


def test_the_summary_tells_what_was_measured_and_leaves_out_what_was_not(compose: Compose) -> None:
    result = Result(Status.DONE, method="simo", K=16, alpha=256.0, seed=3)
    config = compose()
    lines = summary(config, resolve(config), result, {}, 100, FOLDER).splitlines()
    assert lines == [
        "simo K=16 alpha=256 seed=3: done",
        "notice: no labelled test images, so nothing was probed",
        f"folder     {FOLDER}",
    ]
    result.scores, result.loss, result.mi_estimate = {"linear_top1": 81.7}, 2.0, math.log(257) - 2
    result.images_per_second, result.seconds = 430.4, 60.0
    text = summary(config, resolve(config), result, {}, 100, FOLDER)
    assert "linear     81.70 % top-1" in text
    assert f"= {math.log(257) - 2:.3f} of {math.log(257):.3f} nats" in text
    assert "speed      430 images/s in training; 60 s in all" in text


def test_a_job_behind_others_of_a_sweep_says_what_matters_alone(compose: Compose) -> None:
    config = compose("own_class_share=0.5", "K=4")
    data = Arrays(np.zeros((300, 1, 1, 1), np.uint8), np.arange(300) % 3)
    text = banner(config, resolve(config), Splits(data, data, data, ("eel",)), FOLDER, short=True)
    assert unfolded(text) == ["LABELS ARE USED: 2 of a query's 4 negatives are of its own class", "notice: eel"]
    result = replace(RESULT, K=4, scores={"linear_top1": 81.7, "knn_top1": 60.0, "online_top1": None})
    values = {"effective_rank": 30.0, "dimensions": 128.0, "positive_cosine": 0.66, "negative_cosine": 0.65}
    line, verdict = unfolded(short_summary(config, resolve(config), result, values, 1000))
    assert line == "done       linear 81.70 %, knn 60.00 %, loss 2.0000, 1 s" and "COLLAPSED" in verdict
    assert unfolded(short_summary(config, resolve(config), result, values | {"negative_cosine": 0.1}, 1000)) == [line]


@pytest.mark.parametrize(
    ("share", "K", "negative", "told"),
    [
        ("0", 4, 0.65, "COLLAPSED"),  # others are as near as the positive
        ("0.5", 4, 0.65, "COLLAPSED"),
        ("0.75", 4, 0.64, "no collapse"),  # (0.66 * 3 + 0.58) / 4: other classes are 0.08 further away
        ("1", 4, 0.66, "rank alone: about 30.0 of 128 dimensions in use"),  # the class is one point, as it may be
        ("0.5", 1, 0.66, "rank alone: about 30.0 of 128 dimensions in use"),  # a half of one is one
    ],
)
def test_negatives_of_the_own_class_say_nothing_of_a_collapse(
    share: str, K: int, negative: float, told: str, compose: Compose
) -> None:
    values = {"effective_rank": 30.0, "dimensions": 128.0, "positive_cosine": 0.66, "negative_cosine": negative}
    config = compose(f"own_class_share={share}", f"K={K}")
    assert f"verdict    {told}" in summary(config, resolve(config), replace(RESULT, K=K), values, 1000, FOLDER)


def labelled(train: int, test: list[int]) -> Splits:
    """Splits of so many training images of as many classes as these test labels have."""
    images = Arrays(np.zeros((train, 1, 1, 1), np.uint8), np.arange(train) % (max(test) + 1))
    return Splits(images, images, Arrays(np.zeros((len(test), 1, 1, 1), np.uint8), np.array(test)))


@pytest.mark.parametrize(
    ("test", "top1", "told"),
    [
        ([0, 1, 2] * 10, 50.0, "is at 50 % where chance is 33 %"),  # 33.3 + 2 * 8.6
        ([0, 1, 2] * 10, 51.0, ""),
        ([0, 1, 2] * 1000, 35.0, "is at 35 % where chance is 33 %"),  # 33.3 + 2 * 0.86
        ([0, 1, 2] * 1000, 36.0, ""),
        ([0] * 90 + [1] * 10, 95.0, "is at 95 % where chance is 90 %"),  # 90 + 2 * 3
        ([0] * 90 + [1] * 10, 97.0, ""),
    ],
)
def test_a_probe_that_is_no_better_than_chance_is_told(test: list[int], top1: float, told: str) -> None:
    lines = at_chance(labelled(60, test), replace(RESULT, scores={"online_top1": top1}), 60)
    assert [line.startswith("notice: 60 steps; the online probe ") and told in line for line in lines] == [True] * bool(
        told
    )


def test_of_no_probe_nothing_is_told() -> None:
    assert at_chance(labelled(60, [0, 1, 2]), RESULT, 60) == []


def test_more_neighbours_than_images_are_told(compose: Compose) -> None:
    config = compose()
    for images, count in ((199, 1), (200, 0)):
        lines = banner(config, resolve(config).counted(config, images), labelled(images, [0, 1, 2]), FOLDER)
        found = f"notice: kNN's k = 200 is more than the {images} labelled training images: all of them vote"
        assert " ".join(lines.split()).count(found) == count
