"""The command `find-k`: what it says; the runs that it starts have their tests in test_launch/test_find_k.py."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from contrastive_lab.commands import find_k
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.find_k import CURVE, read_asked
from tests.conftest import Line
from tests.sweep_folder import write_run

Type = Callable[..., Line]


@pytest.mark.parametrize(
    ("K", "check", "labels", "said"),
    [
        (None, "true", True, ["why", "before", "how sure", "The curve is of"]),
        (63, "true", True, ["why", "before", "how sure", "The curve is of"]),
        (8, "false", True, ["why", "before", "how sure", "The curve is of", "saves"]),
        (8, "true", True, ["why", "before", "how sure", "The curve is of", "saves", "verdict of 8 and 63"]),
        (
            8,
            "true",
            False,
            ["why", "before", "how sure", "The curve is of", "saves", "Not checked: no linear accuracy, which needs"],
        ),
    ],
)
def test_the_answer_is_checked_where_fewer_would_do_and_labels_tell(
    K: int | None, check: str, labels: bool, said: list[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write_run(tmp_path / "run", {"K": 63, "linear_top1": 80.0 if labels else None})
    page = SimpleNamespace(K=K, table=[{"K": 8}, {"K": 63}], reason="why", along="before", trust="how sure")
    page.write = lambda out, sentences: out / f"{len(sentences)}.html"
    monkeypatch.setattr("contrastive_lab.analysis.enough.answer", lambda *_: page)
    monkeypatch.setattr(find_k, "pilot", lambda asked: tmp_path / "run")
    monkeypatch.setattr("contrastive_lab.analysis.saved.saving", lambda *_: "saves")
    monkeypatch.setattr(find_k, "check", lambda asked, few, most: [f"verdict of {few} and {most}"])
    find_k.task(read_asked(["find-k", f"check={check}", "out=o"]))
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert (first, last) == ("", f"The page: o/{len(said)}.html")
    assert [line[: len(each)] for line, each in zip(lines, said, strict=True)] == said


def test_a_wrong_line_is_one_clear_error(type_script: Type) -> None:
    assert type_script("find_k", "check=yes") == (2, "", "error: check=yes: must be true or false\n")


def test_the_curve_is_said_to_be_of_what_its_file_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = SimpleNamespace(K=None, table=[{"K": 63}], reason="why", along="before", trust="how sure")
    page.write = lambda out, sentences: out
    monkeypatch.setattr("contrastive_lab.analysis.enough.answer", lambda *_: page)
    monkeypatch.setattr(find_k, "pilot", lambda asked: tmp_path)
    curve = json.loads(CURVE.read_text())
    curve["settings"] |= {"dataset": ["fashion_mnist_mini"], "tau": [0.2]}
    (tmp_path / "own.json").write_text(json.dumps(curve))
    find_k.task(read_asked(["find-k", f"curve={tmp_path / 'own.json'}", "epochs=4", "out=o"]))
    of = "method=simo, loss=info_nce or spectral, dataset=fashion_mnist_mini, backbone=small_resnet, tau=0.2, epochs=4"
    said = f"The curve is of {of}, batch_size=256, as this is in these."
    assert capsys.readouterr().out.splitlines() == ["", "why", "before", "how sure", said, "The page: o"]


def test_texts_are_refused_before_the_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    started = list[object]()
    monkeypatch.setattr(find_k, "pilot", started.append)
    with pytest.raises(ConfigError, match=r"^dataset=ag_news: has texts, and the curve is of images"):
        find_k.task(read_asked(["find-k", "method=simo", "dataset=ag_news", "out=o"]))
    assert not started
