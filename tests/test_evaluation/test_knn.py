"""kNN against its formula written a second time."""

import importlib
import math
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import multiprocessing
from torch.nn import functional as F

from contrastive_lab.evaluation.knn import knn
from contrastive_lab.evaluation.scores import Scores, Split, topk
from tests.labelled_features import TEST, TRAIN, part


def naive_knn(k: int, temperature: float) -> Scores:
    votes = torch.zeros(len(TEST.labels), 7, dtype=torch.float64)
    for i, z in enumerate(TEST.features.double()):
        cosines = []
        for key, label in zip(TRAIN.features.double(), TRAIN.labels.tolist(), strict=True):
            cosines.append((float(z @ key / (z.norm() * key.norm())), label))
        for cosine, label in sorted(cosines, reverse=True)[:k]:
            votes[i, label] += math.exp(cosine / temperature)
    return topk(votes, TEST.labels)


@pytest.mark.parametrize(("k", "temperature"), [(3, 0.1), (20, 0.07), (20, 1.0), (90, 0.5)])
def test_knn_is_its_formula(k: int, temperature: float) -> None:
    assert knn(TRAIN, TEST, k, temperature) == pytest.approx(naive_knn(k, temperature))


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.1), (20, 1e-5)])
def test_one_neighbour_or_no_temperature_is_the_nearest(k: int, temperature: float) -> None:
    nearest = F.cosine_similarity(TEST.features[:, None], TRAIN.features[None], dim=2).argmax(1)
    accuracy = (TRAIN.labels[nearest] == TEST.labels).double().mean() * 100
    assert knn(TRAIN, TEST, k, temperature).top1 == pytest.approx(float(accuracy))


def test_more_neighbours_than_examples_is_the_full_vote() -> None:
    train = part(TRAIN, torch.arange(9))  # so few, and so warm, that the farthest counts
    cosines = F.cosine_similarity(TEST.features[:, None], train.features[None], dim=2)
    full = topk((cosines / 2.0).softmax(1) @ F.one_hot(train.labels).float(), TEST.labels)
    assert knn(train, TEST, k=1000, temperature=2.0) == pytest.approx(full)


def test_knn_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = knn(TRAIN, TEST, k=20)
    monkeypatch.setattr(importlib.import_module("contrastive_lab.evaluation.knn"), "BLOCK", 400)
    assert knn(TRAIN, TEST, k=20) == pytest.approx(whole)


def search_own_share(rank: int, folder: str) -> None:
    """kNN of 90 training examples in three processes, of which the last has all but 2."""
    dist.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=3)
    own = part(TRAIN, torch.arange(90)[[slice(0, 1), slice(1, 2), slice(2, 90)][rank]])
    found = [knn(own, TEST, k, classes=7, all_processes=True) for k in (1, 20, 1000)]
    torch.save([(scores.top1, scores.top5) for scores in found], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.long
def test_processes_with_examples_of_their_own_find_the_neighbours_among_all(tmp_path: Path) -> None:
    multiprocessing.spawn(search_own_share, args=(str(tmp_path),), nprocs=3)
    whole = [knn(TRAIN, TEST, k) for k in (1, 20, 1000)]
    for rank in range(3):
        found = torch.load(tmp_path / f"{rank}.pt")
        assert [tuple(pytest.approx(value) for value in pair) for pair in found] == [(s.top1, s.top5) for s in whole]


def test_knn_of_classes_that_training_lacks() -> None:
    test = Split(TEST.features, TEST.labels.where(TEST.labels > 0, 7))
    shifted = knn(TRAIN, test, k=90, classes=8)
    right_of_others = knn(TRAIN, part(TEST, TEST.labels > 0), k=90).top1
    assert shifted.top1 == pytest.approx(right_of_others * float((TEST.labels > 0).double().mean()))


@pytest.mark.parametrize(("k", "temperature"), [(0, 0.1), (5, 0.0), (5, math.nan)])
def test_settings_of_knn_out_of_range_are_errors(k: int, temperature: float) -> None:
    with pytest.raises(ValueError, match="k >= 1 and temperature > 0"):
        knn(TRAIN, TEST, k, temperature)
