"""A share of the labels, as many of each class: against the same chosen a second time, image by image."""

from pathlib import Path

import numpy as np
import pytest
import torch

from contrastive_lab.dataset import Arrays, Files, Splits, embedded
from contrastive_lab.dataset.labelled import balanced, labelled, rows, with_labels
from contrastive_lab.randomness import generator


def chosen(labels: list[int], share: float, seed: int) -> set[int]:
    """Each class is dealt like cards, and gives up its first ones; every class gives the same number."""
    names = sorted(set(labels))
    each = max(1, round(share * len(labels) / len(names)))
    taken = set[int]()
    for name in names:
        members = [i for i, label in enumerate(labels) if label == name]
        dealt = torch.randperm(len(members), generator=generator(seed, "labels", name)).tolist()
        taken |= {members[place] for place in dealt[:each]}
    return taken


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_images_are_those_of_a_second_reckoning(share: float, seed: int) -> None:
    labels = embedded().pretrain.labels
    assert labels is not None
    found = labelled(labels, share, seed)
    assert found.tolist() == sorted(chosen(labels.tolist(), share, seed))
    assert labels[found].bincount().tolist() == [round(share * 500)] * 10  # 500 of each class
    assert torch.equal(found, labelled(labels, share, seed))
    assert not torch.equal(found, labelled(labels, share, seed + 1))


def test_a_smaller_share_is_a_part_of_a_greater_one() -> None:
    labels = torch.arange(600) % 3
    few, more, all_of_them = (labelled(labels, share, 0) for share in (0.05, 0.4, 1.0))
    assert {*few.tolist()} < {*more.tolist()} < {*all_of_them.tolist()} == {*range(600)}


def test_small_classes_give_what_they_have_and_each_at_least_one() -> None:
    assert balanced([100, 4, 46], 0.5) == [25, 4, 25]
    assert balanced([50, 50], 0.001) == [1, 1]


def test_the_probes_and_the_method_have_the_same_few_images(splits: Splits) -> None:
    few = with_labels(splits, 0.1, 3)
    assert few.labelled is not None and splits.train is not None and few.train is few.pretrain
    assert few.test is splits.test and few.classes == 3
    assert np.array_equal(few.pretrain.images, splits.train.images[few.labelled])
    assert torch.equal(few.pretrain.labels, splits.train.labels[few.labelled])
    assert [row["image"] for row in rows(few)] == few.labelled.tolist()


@pytest.mark.parametrize(("share", "told"), [(0.0001, True), (0.004, True), (0.1, False)])
def test_a_share_below_one_of_each_class_is_told(share: float, told: bool, splits: Splits) -> None:
    few = with_labels(splits, share, 0)
    notice = f"labels={share:g}: 3 of {len(splits.pretrain)} images, one of each class, are the least"
    assert (notice in few.notices) is told


def test_labels_of_unlabelled_images_to_pretrain_on_are_those_of_the_probes(splits: Splits) -> None:
    """As of STL-10, and of a folder with a dataset.probe_root."""
    apart = splits._replace(pretrain=Arrays(splits.pretrain.images[:50]))
    few = with_labels(apart, 1.0, 0)
    assert len(few.pretrain) == 120 and torch.equal(few.pretrain.labels, splits.train.labels)
    with pytest.raises(ValueError, match="no labelled images"):
        with_labels(Splits(apart.pretrain, None, None), 1.0, 0)


def test_files_are_told_by_name() -> None:
    paths = [Path(f"{i}.png") for i in range(6)]
    files = Files(paths, [0, 1, 0, 1, 0, 1])
    few = with_labels(Splits(files, files, files), 0.4, 0)
    told = [*rows(few)]
    assert [row["file"] for row in told] == [paths[row["image"]] for row in told]
    assert [row["label"] for row in told] == [row["image"] % 2 for row in told]
    assert len(told) == 2
