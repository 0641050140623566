"""The scenes of a run, from its configuration."""

from pathlib import Path

import pytest
import torch

from contrastive_lab.config.detect_check import composed_detect
from contrastive_lab.dataset import data_hash, embedded
from contrastive_lab.detect.scenes import Scenes
from contrastive_lab.errors import ConfigError
from contrastive_lab.run.scenes import build_scenes
from tests.small_scenes import TINY_DETECT
from tests.test_detect.test_coco import box, written


def same(one: Scenes, other: Scenes) -> bool:
    return all(torch.equal(one[i].image, other[i].image) for i in range(2))


def test_training_canvases_follow_the_seed_and_test_canvases_do_not() -> None:
    first, other = (build_scenes(composed_detect([*TINY_DETECT, f"seed={seed}"])) for seed in (0, 1))
    assert (len(first.train), len(first.test), first.batch_size) == (8, 4, 4)
    assert not same(first.train, other.train) and same(first.test, other.test)
    assert first.hash == data_hash(embedded()) and first.train.names[7] == "Sneaker"


def test_a_json_is_read_as_the_line_says_and_its_problems_are_told_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, [box(1, 1, 1, 5, 5), box(2, 1, 1, 0, 5)])
    parts = [
        f"data.{part}_{key}={value}"
        for part in ("train", "test")
        for key, value in (("json", file), ("images", tmp_path))
    ]
    line = ["data=coco", *parts, "batch_size=2", "data.sizes=[32,48]", "data.test_size=64"]
    with pytest.raises(ConfigError) as error:
        build_scenes(composed_detect(line))
    assert [*error.value.problems] == [f"{file}: annotation 2: bbox [1, 1, 0, 5] has no area"]
    data = build_scenes(composed_detect([*line, "data.on_error=skip"]))
    assert (data.sizes, data.test_size, data.workers, len(data.notices)) == ([32, 48], 64, 4, 4)
    with pytest.raises(ConfigError, match="batch_size=8: more than the 2 training images"):
        build_scenes(composed_detect([*line[:-3], "batch_size=8", "data.on_error=skip"]))
