"""The settings of detection."""

from contrastive_lab.config import detect
from contrastive_lab.config.model import problems
from contrastive_lab.config.overrides import base
from contrastive_lab.config.schema import groups_of, model_of, single_of


def test_the_models_have_the_keys_of_the_yamls() -> None:
    for option, model in (("canvases", detect.Canvases), ("coco", detect.Coco)):
        config = base((f"data={option}",), "detect")
        assert model_of("data", config.data) is model
        assert {*config.data} == {*model.model_fields}
        assert {*config.detector} == {*detect.Detector.model_fields}
        assert {*config.precision} == {*detect.Precision.model_fields}
        assert {*detect.Detect.model_fields} | {*detect.NODES} == {*config}


def test_intervals_and_sides() -> None:
    values = dict(base((), "detect").data)
    for key, value, told in (
        ("objects", [3, 1], "must be [least,greatest], whole numbers from 0"),
        ("sides", [1.0, 9.0], "must be [least,greatest], 4 pixels or more"),
        ("overlap", 2.0, "must be between 0 and 1"),
    ):
        assert problems(detect.Canvases, values | {key: value})[key].endswith(told)


def test_a_run_on_a_json_reads_no_images_of_its_dataset() -> None:
    assert detect.reads_dataset({}) and detect.reads_dataset({"detector": {}, "data": {"name": "canvases"}})
    assert not detect.reads_dataset({"detector": {}, "data": {"name": "coco"}})
    assert single_of({"detector": {}})[0] is detect.Detect
    assert groups_of("detect") == detect.GROUPS and groups_of("theory") == ("theory",)
