"""Features of images or texts by a stored run's encoder, on disk, with pictures of them and a page."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from omegaconf import DictConfig

from contrastive_lab.augment import Recipe
from contrastive_lab.dataset import Arrays, Files, Splits, Texts, ViewsDataModule
from contrastive_lab.dataset.decode import centre
from contrastive_lab.dataset.split import Split, part
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError
from contrastive_lab.evaluation.features import labelled_features
from contrastive_lab.evaluation.knn import nearest, votes
from contrastive_lab.evaluation.scores import Split as Labelled
from contrastive_lab.record.export import read_card
from contrastive_lab.record.features_file import write_features
from contrastive_lab.record.files import write_json, write_table, write_text
from contrastive_lab.report.embedding import Shown, confused, confusion_figure, map_figure, maps, sheet
from contrastive_lab.report.plot import styled
from contrastive_lab.report.simple_page import simple_page
from contrastive_lab.run.build import build_data
from contrastive_lab.run.evaluate import data_notices, stored_encoder
from contrastive_lab.run.exported import exported_encoder
from contrastive_lab.waiting import progress_shown

PAGE, CARD, CONFUSION = "embedding.html", "embedding.json", "confusion.csv"
QUERIES, NEAREST = 8, 8  # rows and neighbours of the sheet
Features = NDArray[np.float32]
Labels = NDArray[np.int64]


class Embedded(NamedTuple):
    """Images or texts of both splits, training first: features (n, F), where each lies, its label, -1 without."""

    splits: dict[str, Split]
    features: Features
    labels: Labels
    files: list[str]
    classes: list[str]

    @property
    def asked(self) -> slice:
        """The rows that are looked at, the test split or without one all."""
        return slice(len(self.splits["train"]) if "test" in self.splits else 0, None)


class Near(NamedTuple):
    """The k nearest training rows of those that are looked at: their numbers and cosines, (m, k)."""

    rows: Labels
    cosines: Features


def embed_run(folder: Path, config: DictConfig, out: Path, kind: str, name: str) -> str:
    """Write features, pictures and the page of a run's last checkpoint, or an export, to `out`, a new folder.

    `kind` is one of `record.features_file.FORMATS`, `name` that of the data set. Returns a line; ConfigError if `out`
    is there.
    """
    if out.exists():
        raise ConfigError(f"out={out}: is there already; name another folder with out=")
    data = build_data(config)
    card = read_card(folder)
    encoder, step = stored_encoder(folder, config) if card is None else exported_encoder(folder, card)
    print(*(f"notice: {notice}\n" for notice in data_notices(data)), sep="", end="", flush=True)
    with progress_shown():
        found = embedded(encoder, data)
    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"out={out}: {error.strerror}") from None
    told = {"file": found.files, "split": split_of(found), **_labels(found)}
    files = write_features(out, kind, found.features, told)
    (n, width), kind_of = found.features.shape, "images" if isinstance(data.recipe, Recipe) else "texts"
    sentences = [
        f"{config.method_info.name}, step {step}: {n:,} {kind_of} of {name}, features h of {width} numbers each."
    ]
    facts = {"run": str(folder), "step": step, "data": name, "rows": n, "features": width, "files": files}
    with styled():
        more = _pictures(found, data.recipe, config.probes.knn, out, f"{config.method_info.name} on {name}", sentences)
    write_json(out / CARD, {**facts, "classes": found.classes, **more})
    return f"{n} rows of {width} features, pictures and {out / PAGE}"


def embedded(encoder: Encoder, data: ViewsDataModule) -> Embedded:
    """Encode what the probes train and test on; without labels, what is learnt from."""
    train = data.splits.train if data.splits.train is not None else data.splits.pretrain
    splits = {"train": train} | ({} if data.splits.test is None else {"test": data.splits.test})
    features, labels, files = [], [], list[str]()
    for name, split in splits.items():
        own = split if split.labels is not None else _unlabelled(split)
        features.append(labelled_features(encoder, own, data.recipe, workers=data.workers).features.float().cpu())
        labels.append(np.full(len(split), -1) if split.labels is None else split.labels.numpy())
        files += names_of(split, name)
    classes = class_names(data.splits, train)
    return Embedded(splits, torch.cat(features).numpy(), np.concatenate(labels).astype(np.int64), files, classes)


def nearest_rows(found: Embedded, k: int) -> Near:
    """The k training rows nearest to each row that is looked at; where there is no test split, others than itself."""
    features = torch.from_numpy(found.features)
    train = features[: len(found.splits["train"])]
    queries, own = features[found.asked], "test" not in found.splits
    cosines, rows = nearest(Labelled(train, torch.arange(len(train))), queries, k + own)
    if own:  # of equal rows it need not be the first, nor among so many
        itself = rows == torch.arange(len(queries))[:, None]
        cosines, order = cosines.masked_fill(itself, -torch.inf).sort(dim=1, descending=True, stable=True)
        rows, cosines = rows.gather(1, order)[:, :-1], cosines[:, :-1]
    return Near(rows.numpy(), cosines.numpy())


def class_names(splits: Splits, train: Split) -> list[str]:
    """The names of the classes: those that the data set gives, else of files their folders, else numbers."""
    if given := getattr(splits, "names", ()):
        return [*given]
    if isinstance(train, Files) and train.labels is not None:
        folder = Path(os.path.commonpath([path.parent for path in train.paths]))
        parents = {int(i): path.relative_to(folder).parts for i, path in zip(train.labels, train.paths, strict=True)}
        return [parents[i][0] if len(parents.get(i, ())) > 1 else folder.name for i in range(splits.classes)]
    return [str(i) for i in range(splits.classes)]


def names_of(split: Split, name: str) -> list[str]:
    """Where each row comes from: its file, or its number in the array of its split."""
    return [*map(str, split.paths)] if isinstance(split, Files) else [f"{name}/{i}" for i in range(len(split))]


def split_of(found: Embedded) -> list[str]:
    """The split of each row."""
    return [name for name, split in found.splits.items() for _ in range(len(split))]


def _labels(found: Embedded) -> dict[str, Sequence[Any]]:
    if (found.labels < 0).all():
        return {}
    return {"label": found.labels.tolist(), "class": [found.classes[i] if i >= 0 else "" for i in found.labels]}


def _unlabelled(split: Split) -> Split:
    """The same with labels, which the features have no part in."""
    blank = np.zeros(len(split), np.int64)
    if isinstance(split, Files):
        return Files(split.paths, blank, split.reader)
    assert isinstance(split, Arrays)  # texts have labels
    return Arrays(split.images, blank)


def _pictures(
    found: Embedded, recipe: Any, probe: DictConfig, out: Path, title: str, sentences: list[str]
) -> dict[str, Any]:
    """Write the pictures and the page, whose sentences are added to; returns what the card tells of them."""
    n, labels, figures, more = len(found.features), found.labels[found.asked], dict[str, Figure](), dict[str, Any]()
    known = (found.labels >= 0).all() and len(found.classes) > 1
    k = max(1, min(int(probe.k), len(found.splits["train"]) // max(1, len(found.classes) if known else 1)))
    near = nearest_rows(found, max(1, min(max(k, NEAREST), len(found.splits["train"]) - 1)))
    shown = np.unique(np.linspace(0, len(labels) - 1, min(QUERIES, len(labels))).astype(int))
    if isinstance(recipe, Recipe):
        figures["Nearest neighbours"] = sheet([_row(found, recipe, near, int(i)) for i in shown])
    rows, points = maps(found.features[found.asked])
    head = f"{title}: {len(rows):,} of {len(labels):,} {'test images' if 'test' in found.splits else 'images'}"
    figures["Map of the features"] = map_figure(points, labels[rows], found.classes, head)
    if known:
        k = min(k, near.rows.shape[1])
        own = torch.from_numpy(found.labels[near.rows[:, :k]])
        told = votes(torch.from_numpy(near.cosines[:, :k]), own, probe.temperature, len(found.classes)).argmax(1)
        counts = np.zeros((len(found.classes),) * 2, np.int64)
        np.add.at(counts, (labels, told.numpy()), 1)
        how = f"kNN, k = {k}" + ("" if "test" in found.splits else ", each image left out of its own vote")
        right = 100 * np.trace(counts) / counts.sum()
        figures["Confusion matrix"] = confusion_figure(counts, found.classes, f"{how}: {right:.1f} % right")
        names = [f"{i} {name}" for i, name in enumerate(found.classes)]
        write_table(out / CONFUSION, ["class", *names], _counted(counts, names))
        sentences += [f"The {how}, gets {right:.2f} % right.", *filter(None, [confused(counts, found.classes)])]
        more = {"k": k, "knn_top1": right}
    if len(labels) < n:
        sentences.append(f"Pictures are of the {len(labels):,} of the test split, neighbours of the training split.")
    sentences.append(
        f"A map has {len(rows):,} of {len(labels):,}; distances in t-SNE and UMAP mean little beyond near."
    )
    for name, figure in figures.items():
        figure.savefig(out / f"{name.lower().replace(' ', '_')}.png", dpi=150)
    write_text(out / PAGE, simple_page(title, sentences, figures, [_told(found, near, int(i)) for i in shown]))
    return {**more, "drawn": len(rows)}


def _row(found: Embedded, recipe: Recipe, near: Near, query: int) -> list[Shown]:
    """A query and its neighbours as pictures."""
    start, train = found.asked.start, len(found.splits["train"])
    everyone = [start + query, *near.rows[query, :NEAREST].tolist()]
    shown = []
    for i in everyone:
        split, at = (found.splits["train"], i) if i < train else (found.splits["test"], i - train)
        name = found.classes[found.labels[i]] if found.labels[i] >= 0 else Path(found.files[i]).name
        shown.append(Shown(_image(split, at, recipe), name, int(found.labels[i])))
    return shown


def _image(split: Split, at: int, recipe: Recipe) -> NDArray[np.uint8]:
    """An image as the encoder is given it, but for the normalisation, of an array at its own size."""
    one = part(split, slice(at, at + 1))
    images = centre(one.reader, one.paths, recipe.size) if isinstance(one, Files) else _tensor(one)
    return images[0].expand(3, -1, -1).permute(1, 2, 0).numpy()


def _tensor(split: Split) -> torch.Tensor:
    assert not isinstance(split, Files)
    return split.tensor("cpu")


def _told(found: Embedded, near: Near, query: int) -> dict[str, str]:
    """A query of the sheet with its nearest neighbour, a row of the page's table."""
    at, other = found.asked.start + query, int(near.rows[query, 0])
    return {
        "query": _text(found, at), "nearest": _text(found, other), "cosine": f"{near.cosines[query, 0]:.3f}",
    }  # fmt: skip


def _text(found: Embedded, row: int) -> str:
    """A row by its file and class, a text by its first words."""
    train = len(found.splits["train"])
    split, at = (found.splits["train"], row) if row < train else (found.splits["test"], row - train)
    words = ""
    if isinstance(split, Texts):
        words = ": " + " ".join(split.vocabulary[i - 1] for i in split.words[at][:12] if i > 0)
    name = f" ({found.classes[found.labels[row]]})" if found.labels[row] >= 0 else ""
    return f"{found.files[row]}{name}{words}"


def _counted(counts: NDArray[np.int64], names: list[str]) -> list[dict[str, Any]]:
    return [{"class": name, **dict(zip(names, row, strict=True))} for name, row in zip(names, counts, strict=True)]
