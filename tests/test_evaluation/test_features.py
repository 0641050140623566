"""Features of clean images, and of views of every image, again and again."""

import itertools
from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch import distributed as dist
from torch import multiprocessing

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Files, Splits, ViewsDataModule
from contrastive_lab.dataset.decode import Reader, centre
from contrastive_lab.dataset.split import shares
from contrastive_lab.evaluation import features, scores
from contrastive_lab.evaluation.features import evaluating, everywhere, labelled_features, view_pairs
from contrastive_lab.evaluation.scores import Split as Labelled
from tests.small_encoders import RECIPE, encoder, pixel_encoder

GEOMETRIC = Recipe(12, [0.5], [0.25], Crop(), flip=0.5, color=Color(p=0.0), gray=0.0, blur=0.0)


def test_features_are_those_of_clean_images_in_eval_mode(splits: Splits) -> None:
    net = encoder().train()
    found = labelled_features(net, splits.test, RECIPE)
    assert net.training and all(part.training for part in net.modules())
    images = torch.from_numpy(splits.test.images.copy()).permute(0, 3, 1, 2) / 255
    with evaluating(net):
        h, z = net((images - 0.5) / 0.25)
    torch.testing.assert_close(found.features, h)
    torch.testing.assert_close(labelled_features(net, splits.test, RECIPE, "z").features, z)
    assert torch.equal(found.labels, splits.test.labels)
    assert labelled_features(encoder(), splits.test, RECIPE, "pixels").features.shape == (30, 3 * 12 * 12)


def test_large_features_are_kept_in_half_precision_in_main_memory(
    splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = labelled_features(encoder(), splits.test, RECIPE)
    monkeypatch.setattr("contrastive_lab.evaluation.scores.LARGE", whole.features.numel() - 1)
    found = labelled_features(encoder(), splits.test, RECIPE)
    assert (found.features.dtype, found.features.device.type) == (torch.float16, "cpu")
    assert torch.equal(found.features, whole.features.half())


def in_three_processes(rank: int, folder: str) -> None:
    """Put the shares of 7 rows together, large and small ones, and 2 rows, which each process has as a whole."""
    dist.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=3)
    rank_zero_only.rank = rank
    features.ROWS = 2
    found = dict[str, Labelled]()
    for n, large, alone in ((7, False, False), (7, False, True), (7, True, True), (2, False, False)):
        scores.LARGE = 7 * 3 - 1 if large else 2**28
        own = shares(n)[rank]
        rows = Labelled(torch.arange(3 * n).view(n, 3)[own].float(), torch.arange(n)[own])
        found[f"{n} {large} {alone}"] = everywhere(rows, n, first_alone=alone)
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.long
def test_rows_of_all_processes_are_in_the_order_of_the_split(tmp_path: Path) -> None:
    multiprocessing.spawn(in_three_processes, args=(str(tmp_path),), nprocs=3)
    for rank in range(3):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=False)
        for asked, (rows, labels) in found.items():
            n, large, alone = int(asked[0]), "True" in asked[:6], asked.endswith("True")
            own = shares_of(7)[rank] if alone and rank else slice(0, n)
            assert torch.equal(labels, torch.arange(n)[own])
            assert torch.equal(rows.float(), torch.arange(3 * n).view(n, 3)[own].float())
            assert rows.dtype == (torch.float16 if large and not rank else torch.float32)


def shares_of(n: int) -> list[slice]:
    """The rows of three processes, written down: 2, 2 and 3 of 7."""
    return {7: [slice(0, 2), slice(2, 4), slice(4, 7)]}[n]


def test_images_of_another_size_are_resized(splits: Splits) -> None:
    assert labelled_features(
        encoder(), splits.test, Recipe(6, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0), "pixels"
    ).features.shape == (30, 108)


@pytest.mark.parametrize("workers", [0, 2])
def test_files_are_taken_in_blocks_and_stay_in_order(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contrastive_lab.evaluation.features.ROWS", 4)
    monkeypatch.setattr("contrastive_lab.evaluation.features.ITEM", 2)  # two items a block, the last of one image
    paths = [tmp_path / f"{i}.png" for i in range(7)]
    for i, path in enumerate(paths):
        Image.new("RGB", (14 + i, 20), (30 * i, 0, 255 - i)).save(path)
    found = labelled_features(encoder(), Files(paths, [*range(7)]), RECIPE, "pixels", workers)
    assert torch.equal(found.features, (((centre(Reader(), paths, 12) / 255) - 0.5) / 0.25).flatten(1))
    assert found.labels.tolist() == [*range(7)]


def test_every_image_gets_views_of_its_own_in_order(splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.evaluation.features.ROWS", 50)  # 120 images: two blocks and a rest of 20
    whole = Crop(scale=(1.0, 1.0), ratio=(1.0, 1.0))
    still = Recipe(12, [0.5], [0.25], whole, flip=0.0, color=Color(p=0.0), gray=0.0, blur=0.0)
    data, encoder = ViewsDataModule(splits, still, 20), pixel_encoder()
    clean = labelled_features(encoder, splits.pretrain, still, "z").features
    for pair in islice(view_pairs(encoder, splits.pretrain, data, 0, "x"), 2):
        torch.testing.assert_close(pair, clean.expand(2, -1, -1))


def test_views_are_new_each_time_and_known_by_seed_and_purpose(splits: Splits) -> None:
    data, encoder = ViewsDataModule(splits, GEOMETRIC, 20), pixel_encoder()
    key = [(0, "x"), (0, "x"), (1, "x"), (0, "y")]
    first, again, other, purpose = (list(islice(view_pairs(encoder, splits.pretrain, data, *each), 2)) for each in key)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    views = [view for pairs in (first, other, purpose) for pair in pairs for view in pair]
    for a, b in itertools.combinations(views, 2):
        assert (a != b).any(1).float().mean() > 0.9
