"""Texts: from csv files to packed ids of words, and the settings that they bring."""

import lzma
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from contrastive_lab.augment import Recipe
from contrastive_lab.config.identity import config_hash
from contrastive_lab.dataset import Texts, ag_news
from contrastive_lab.dataset.text import tokens, vocabulary, word_ids
from contrastive_lab.errors import ConfigError
from contrastive_lab.run.build import build_data, build_encoder
from tests.small_texts import write_texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The example in torchtext's documentation of get_tokenizer.
        ("You can now install TorchText using pip!", "you can now install torchtext using pip !"),
        ("It's (not) a 'test', is it?", "it ' s ( not ) a ' test ' , is it ?"),
        ('He said: "go; now"...', "he said go now . . ."),
        ("end<br />of line\\next  \t line", "end of line next line"),
        ("AT&T's 3.5% #36;10-million", "at&t ' s 3 . 5% #36 10-million"),
        ("", ""),
    ],
)
def test_tokens_by_hand(text: str, expected: str) -> None:
    assert tokens(text) == expected.split()


def test_the_vocabulary_is_ordered_by_frequency_then_by_name() -> None:
    texts = [list("bbba"), list("cca"), list("adde")]  # a 3, b 3, c 2, d 2, e 1
    assert vocabulary(texts, min_frequency=2) == ["a", "b", "c", "d"]
    assert vocabulary(texts, min_frequency=3) == ["a", "b"]


def test_ids_keep_the_order_of_a_text_and_leave_unknown_words_out() -> None:
    ids = word_ids([list("xba"), [], list("a")], ["a", "b"])
    assert ids.tolist() == [[2, 1], [0, 0], [1, 0]]
    assert ids.dtype == np.int32
    assert word_ids([[]], ["a"]).tolist() == [[0]]


def test_packed_texts_are_those_of_the_csv(news: Path) -> None:
    splits = ag_news(str(news))
    assert splits.pretrain is splits.train
    assert isinstance(splits.train, Texts) and isinstance(splits.test, Texts)
    assert (len(splits.train), len(splits.test), splits.classes) == (64, 24, 4)
    assert splits.train.labels.tolist() == [i % 4 for i in range(64)]
    assert splits.test.labels.tolist() == [i % 4 for i in range(24)]
    # Read again, line by line, with nothing of the package but its tokens.
    texts, test_texts = (
        [
            " ".join(line.strip().strip('"').split('","')[1:])
            for line in (news / "ag_news" / f"{part}.csv").read_text().splitlines()
        ]
        for part in ("train", "test")
    )
    counts = Counter(word for text in texts for word in tokens(text))  # of the training texts alone
    rows = [*zip(texts, splits.train.words, strict=True), *zip(test_texts, splits.test.words, strict=True)]
    for text, row in rows:
        expected = [word for word in tokens(text) if counts[word] >= 5]
        assert [splits.train.vocabulary[i - 1] for i in row if i] == expected
        assert not row[len(expected) :].any()
    assert all(counts[a] >= counts[b] for a, b in zip(splits.train.vocabulary, splits.train.vocabulary[1:]))  # noqa: B905


def test_test_classes_are_counted_as_the_training_ones(news: Path) -> None:
    path = news / "ag_news" / "test.csv"
    rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join(row for row in rows if not row.startswith('"1"')))
    assert set(ag_news(str(news)).test.labels.tolist()) == {1, 2, 3}


def test_arrays_are_packed_once_and_anew_when_a_csv_changes(news: Path) -> None:
    ag_news(str(news))
    (packed,) = (news / "ag_news").glob("packed_*")
    made = (packed / "train_words.npy").stat().st_mtime_ns
    assert len(ag_news(str(news)).train) == 64
    assert (packed / "train_words.npy").stat().st_mtime_ns == made
    write_texts(news / "ag_news" / "train.csv", 80, seed=0)
    assert len(ag_news(str(news)).train) == 80
    ag_news(str(news), min_frequency=3)
    assert len(list((news / "ag_news").glob("packed_*"))) == 3
    assert not list((news / "ag_news").glob("*partial*"))


def test_arrays_that_could_not_be_written_are_no_ones_hindrance(news: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = {*news.rglob("*")}
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(np, "save", full)
        ag_news(str(news))
    assert before == {*news.rglob("*")}
    ag_news(str(news))
    (packed,) = (news / "ag_news").glob("packed_*")
    packed.rename(packed.with_name(f"{packed.name}.partial-{os.getpid()}"))  # of one that was killed
    ag_news(str(news))
    assert [*(news / "ag_news").glob("packed_*")] == [packed]


def test_texts_that_shall_not_be_packed_are_named(news: Path) -> None:
    before = {*news.rglob("*")}
    with pytest.raises(ConfigError, match=rf"^data_dir={news}: no arrays of these texts in it, and a stored run "):
        ag_news(str(news), write=False)
    assert before == {*news.rglob("*")}
    ag_news(str(news))
    assert len(ag_news(str(news), write=False).train) == 64


def test_a_csv_is_read_once_however_often_it_is_asked_for(news: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, before = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or before(path))
    assert len({id(ag_news(str(news))) for _ in range(3)}) == 1
    assert read == ["train.csv", "test.csv"]


def test_compressed_files_of_two_columns_are_read_as_well(news: Path) -> None:
    plain, folder = ag_news(str(news)), news / "ag_news"
    for part in ("train", "test"):
        rows = [line.strip('"\n').split('","') for line in (folder / f"{part}.csv").read_text().splitlines()]
        with lzma.open(news / f"{part}.csv.xz", "wt") as file:
            file.writelines(f'{int(label) - 1},"{title} {text}"\n' for label, title, text in rows)
    other = ag_news(str(news / "else"), str(news / "train.csv.xz"), str(news / "test.csv.xz"))
    assert np.array_equal(plain.test.words, other.test.words)
    assert torch.equal(plain.test.labels, other.test.labels)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "1,café,b\n".encode("latin-1")),
        ("a.csv", "1,a,b\n".encode("utf-16")),
        ("a.csv", b'1,"' + b"a" * 200_000 + b'",b\n'),
        ("a.csv.xz", b"no archive"),
        ("a.csv.xz", lzma.compress(b"1,a,b\n" * 9)[:-8]),
    ],
)
def test_bytes_that_are_no_csv_name_the_file(name: str, content: bytes, news: Path) -> None:
    (news / name).write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{name}: cannot be read as csv in UTF-8 \(") as caught:
        ag_news(str(news), train_csv=str(news / name))
    assert len(str(caught.value).splitlines()) == 1
    assert not [*(news / "ag_news").glob("packed_*")]


def test_what_is_wrong_with_a_csv_is_one_line(news: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"dataset=ag_news: no .*else/ag_news/train\.csv or .*train\.csv\.xz; its rows are"
    ):
        ag_news(str(news / "else"))
    test = news / "ag_news" / "test.csv"
    for rows, message in (
        ("1,a,b\nsports,a,b\n", r"test\.csv: row 2 is not class,title,description with a whole number as class"),
        ("1,a,b,c\n", r"test\.csv: row 1 is not"),
        ("", r"test\.csv: empty"),
        ("0,a,b\n", r"test\.csv: class 0 is none of the training texts"),
    ):
        test.write_text(rows)
        with pytest.raises(ConfigError, match=message):
            ag_news(str(news))
    with pytest.raises(ConfigError, match=r"no word occurs 99 times in .*lower dataset\.min_frequency"):
        ag_news(str(news), test_csv=str(news / "ag_news" / "train.csv"), min_frequency=99)


@pytest.mark.parametrize(("method", "scale"), [("simclr", "laptop"), ("swav", "paper"), ("moco_v1", "cifar")])
def test_the_data_set_alone_brings_views_backbone_and_optimizer(
    method: str, scale: str, compose: Callable[..., DictConfig]
) -> None:
    config = compose(f"method={method}", f"scale={scale}", "dataset=ag_news")
    assert config.augment._target_.endswith("word_views") and config.backbone.name == "bag_of_words"
    assert (config.optim.kind, config.optim.scaling, config.base_lr) == ("lars", "sqrt", 1.0)
    OmegaConf.to_container(config, resolve=True, throw_on_missing=True)


def test_what_is_typed_wins_over_the_data_set(compose: Callable[..., DictConfig]) -> None:
    config = compose("optim=adamw", "base_lr=0.1", "dataset=ag_news", "optim.scaling=linear")
    assert (config.optim.kind, config.optim.scaling, config.base_lr) == ("adamw", "linear", 0.1)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["augment=simclr"], "augment: dataset=ag_news has texts, and augment=words alone takes them"),
        (["backbone=timm"], "backbone: dataset=ag_news has texts, and backbone=bag_of_words alone takes them"),
        (["evaluation=linear_moco"], "evaluation=linear_moco: crops and flips images"),
        (["evaluation.features=pixels"], "evaluation.features=pixels: dataset=ag_news has texts; use h or z"),
        (["dataset.train_csv=none.csv"], "dataset.train_csv=none.csv: no such file"),
        (["augment.vectors=none.vec"], "augment.vectors=none.vec: no such file"),
        (["augment.drop=1.5"], "augment.drop=1.5: must be between 0 and 1"),
        (["augment.blur=0.5"], "augment.blur: a setting of augment=crop_flip, augment=moco_v1, "),
        (["dataset=cifar10", "augment=words"], "augment=words: for texts, and dataset=cifar10 has images"),
        (["dataset=cifar10", "backbone=bag_of_words"], "backbone=bag_of_words: for texts"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_fit_texts_is_an_error(
    overrides: list[str], message: str, compose: Callable[..., DictConfig]
) -> None:
    with pytest.raises(ConfigError) as caught:
        compose("dataset=ag_news", *overrides) if "dataset=cifar10" not in overrides else compose(*overrides)
    assert [problem for problem in caught.value.problems if problem.startswith(message)]


def test_where_a_csv_lies_does_not_make_another_run(news: Path, compose: Callable[..., DictConfig]) -> None:
    (news / "moved").mkdir()
    paths = [news / "ag_news" / "train.csv", news / "moved" / "train.csv", news / "ag_news" / "test.csv"]
    paths[1].write_text("1,a,b\n")
    here, moved, other = (config_hash(compose("dataset=ag_news", f"dataset.train_csv={path}")) for path in paths)
    assert here == moved != other


def test_images_keep_their_recipe_and_have_no_vocabulary(compose: Callable[..., DictConfig]) -> None:
    config = compose()
    assert isinstance(build_data(config).recipe, Recipe)
    assert isinstance(next(build_encoder(config).backbone.children()), nn.Sequential)
