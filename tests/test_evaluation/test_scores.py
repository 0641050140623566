"""Top-1 and top-5: ranks by hand, and ties as the mean over orders."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, multiprocessing
from torchmetrics.functional.classification import multiclass_accuracy

from contrastive_lab.evaluation.class_mean import class_mean
from contrastive_lab.evaluation.knn import knn
from contrastive_lab.evaluation.linear import LinearResult, linear
from contrastive_lab.evaluation.scores import Scores, Split, TopK, blocks, checked, topk
from contrastive_lab.randomness import generator
from tests.labelled_features import DOUBLE, TEST, TRAIN


def percents(scores: Tensor, labels: Tensor) -> list[float]:
    """Top-1 and top-5; the examples that count as right are one whose class comes first among the highest."""
    found = topk(scores, labels)
    assert found.right is not None
    first = [max(range(len(row)), key=row.__getitem__) for row in scores.tolist()]
    assert found.right.tolist() == [one == label for one, label in zip(first, labels.tolist(), strict=True)]
    return [found.top1, found.top5]


def test_topk_counts_ranks() -> None:
    scores = torch.tensor([[6.0, 5, 4, 3, 2, 1]]).repeat(6, 1)
    assert percents(scores, torch.arange(6)) == pytest.approx([100 / 6, 500 / 6])


def test_without_ties_topk_is_torchmetrics_accuracy() -> None:
    scores = torch.randn(200, 9, generator=generator("scores"))
    labels = torch.randint(9, (200,), generator=generator("labels"))
    expected = [100 * float(multiclass_accuracy(scores, labels, 9, average="micro", top_k=k)) for k in (1, 5)]
    assert percents(scores, labels) == pytest.approx(expected, rel=1e-6)  # torchmetrics divides in float32


def test_batches_are_counted_together() -> None:
    scores = torch.randint(3, (50, 6), generator=generator("batches")).float()
    labels, accuracy = torch.arange(50) % 6, TopK()
    for rows in torch.arange(50).split(16):
        accuracy.update(scores[rows], labels[rows])
    assert accuracy.compute() == pytest.approx(percents(scores, labels), rel=1e-12)


def in_two_processes(rank: int, folder: str) -> None:
    """Score two examples in one process, one right, and three in the other, all wrong."""
    dist.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    labels = torch.tensor([[0, 1], [1, 1, 1]][rank])
    scores = torch.tensor([[1.0, 0.0]]).repeat(len(labels), 1)
    torch.save([topk(scores, labels, all_processes=both).top1 for both in (False, True)], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.long
def test_examples_of_all_processes_are_counted_together_if_asked(tmp_path: Path) -> None:
    multiprocessing.spawn(in_two_processes, args=(str(tmp_path),), nprocs=2)
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    assert found == [[50, 20], [0, 20]]  # one of 2, none of 3; one of 5


def test_topk_of_fewer_than_five_classes() -> None:
    assert percents(torch.tensor([[1.0, 2, 3], [3, 2, 1]]), torch.tensor([2, 2])) == [50, 100]


def test_constant_scores_are_chance() -> None:
    assert percents(torch.zeros(3, 8), torch.tensor([0, 3, 7])) == pytest.approx([100 / 8, 500 / 8])


def test_ties_worked_by_hand() -> None:
    # The own class is 1. Row 1: it shares ranks 1 and 2 with class 0. Row 2: it shares ranks 2 to 7 with five others.
    scores = torch.tensor([[9.0, 9, 0, 0, 0, 0, 0], [9, 1, 1, 1, 1, 1, 1]])
    assert percents(scores, torch.tensor([1, 1])) == pytest.approx([100 * (1 / 2 + 0) / 2, 100 * (1 + 4 / 6) / 2])


def test_ties_are_the_mean_over_orders_of_classes() -> None:
    scores = torch.randint(3, (10, 6), generator=generator("ties")).float()
    labels = torch.randint(6, (10,), generator=generator("labels"))
    hits = torch.zeros(2)
    for order in itertools.permutations(range(6)):
        ranked = torch.tensor(order)[scores[:, order].argsort(dim=1, descending=True, stable=True)]
        correct = ranked == labels[:, None]
        hits += torch.stack([correct[:, :1].sum(), correct[:, :5].sum()])
    expected = hits / (math.factorial(6) * 10) * 100
    assert percents(scores, labels) == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (torch.zeros(3), torch.zeros(3).long(), "n, C"),
        (torch.zeros(3, 2), torch.zeros(2).long(), "n, C"),
        (torch.zeros(0, 2), torch.zeros(0).long(), "n, C"),
        (torch.full((1, 2), math.nan), torch.zeros(1).long(), "NaN"),
        (torch.zeros(1, 2), torch.tensor([2]), r"0\.\.1"),
        (torch.zeros(1, 2), torch.zeros(1), "whole numbers"),
    ],
)
def test_scores_and_labels_that_do_not_fit_are_errors(scores: Tensor, labels: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        topk(scores, labels)


Protocol = Callable[[Split, Split], Scores | LinearResult]


@pytest.mark.parametrize("protocol", [knn, class_mean, linear])
@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (Split(TRAIN.features[0], TRAIN.labels), TEST, "training features"),
        (TRAIN, Split(TEST.features, TEST.labels[1:]), "test features"),
        (TRAIN, Split(TEST.features[:, 1:], TEST.labels), "dimensions"),
        (
            TRAIN,
            Split(TEST.features[:0], TEST.labels[:0]),
            r"test features \(n, D\) and labels \(n,\) are needed, at least one",
        ),
        (TRAIN, Split(TEST.features.where(TEST.features < 1, math.nan), TEST.labels), "test features hold NaN"),
        (Split(TRAIN.features / 0, TRAIN.labels), TEST, "training features hold NaN or inf"),
        (Split(TRAIN.features, TRAIN.labels - 1), TEST, "training labels"),
        (TRAIN, Split(TEST.features, TEST.labels + 1), r"test labels must lie in 0\.\.6"),
        (TRAIN, Split(TEST.features, TEST.labels.float()), "whole numbers"),
    ],
)
def test_bad_splits_are_named(protocol: Protocol, train: Split, test: Split, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        protocol(train, test)


@pytest.mark.parametrize("protocol", [knn, class_mean, linear])
def test_half_precision_is_computed_in_float32(protocol: Protocol) -> None:
    train, test = (Split(split.features.half(), split.labels) for split in (TRAIN, TEST))
    same = protocol(Split(train.features.float(), train.labels), Split(test.features.float(), test.labels))
    assert protocol(train, test) == same
    assert checked(train, test)[0].features.dtype == torch.float32
    assert checked(train, DOUBLE[1])[0].features.dtype == torch.float64


@pytest.mark.parametrize(("large", "rows"), [(640, 10), (400, 6)])  # the training features alone, and both
@pytest.mark.parametrize("protocol", [knn, class_mean, linear])
def test_a_large_split_is_taken_in_blocks_with_the_same_result(
    protocol: Protocol, large: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = (Split(split.features.half(), split.labels) for split in (TRAIN, TEST))  # 720 and 480 numbers
    whole = protocol(train, test)
    scores = whole.scores if isinstance(whole, LinearResult) else whole
    monkeypatch.setattr("contrastive_lab.evaluation.scores.LARGE", large)
    assert [len(part.labels) for part in blocks(train)] == [rows] * (90 // rows)
    kept = {640: [torch.float16, torch.float32], 400: [torch.float16, torch.float16]}[large]
    assert [split.features.dtype for split in checked(train, test)[:2]] == kept
    found = protocol(train, test)
    found_scores = found.scores if isinstance(found, LinearResult) else found
    assert (found_scores.top1, found_scores.top5) == pytest.approx((scores.top1, scores.top5))


def test_a_large_split_that_is_not_finite_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.evaluation.scores.LARGE", 640)
    train = TRAIN.features.half()
    train[85, 3] = math.inf
    with pytest.raises(ValueError, match="training features hold NaN or infinite"):
        knn(Split(train, TRAIN.labels), TEST)
