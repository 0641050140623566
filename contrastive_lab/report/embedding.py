"""Pictures of features: a sheet of nearest neighbours, maps in two dimensions, and a confusion matrix.

Letters: n images or texts, F the width of their features, C classes.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from contrastive_lab.report.plot import new_figure

SAMPLE = 2000  # points of a map: t-SNE's time goes with their number
NAMED = 20  # classes with a colour of their own in a legend, and with numbers in a confusion matrix
RIGHT, WRONG, UNKNOWN = "#009E73", "#D55E00", "0.6"  # frames of neighbours
Points = NDArray[np.float64]
Image = NDArray[np.uint8]


class Shown(NamedTuple):
    """An image (height, width, 3), or None of a text, with what stands above it, and its class or -1."""

    image: Image | None
    name: str
    label: int


def sheet(rows: Sequence[Sequence[Shown]]) -> Figure:
    """A row for each query, first, and its nearest neighbours; a frame says whether a neighbour is of its class."""
    wide, tall = max(map(len, rows)), len(rows)
    figure = new_figure(1.15 * wide + 0.3, 1.4 * tall + 0.5)
    grid = figure.subplots(tall, wide, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for line, row in zip(grid, rows, strict=True):
        for i, (axes, shown) in enumerate(zip(line, row, strict=False)):
            known = min(shown.label, row[0].label) >= 0
            colour = "black" if not i else (RIGHT if shown.label == row[0].label else WRONG) if known else UNKNOWN
            axes.set_axis_on()
            axes.set(xticks=[], yticks=[])
            axes.imshow(shown.image, interpolation="nearest")
            axes.set_title(shortened(shown.name, 16), fontsize=7)
            for spine in axes.spines.values():
                spine.set(visible=True, color=colour, linewidth=2.5)
    figure.suptitle("query (black) and its nearest neighbours; green: same class, orange: another", fontsize=9)
    return figure


def maps(features: NDArray[np.float32], seed: int = 0) -> tuple[NDArray[np.int64], dict[str, Points]]:
    """Rows of features (n, F), at most 2,000 that are drawn, and by the name of each map where they lie, (rows, 2).

    PCA of all that are drawn; t-SNE (van der Maaten & Hinton 2008), of at least 5, on their first 50 components with
    perplexity 30 or a third of the points; UMAP (McInnes et al. 2018) where it is installed.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rows = np.sort(np.random.default_rng(seed).permutation(len(features))[:SAMPLE])
    found = features[rows].astype(np.float64)
    most = min(50, *found.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        reduced = PCA(most, svd_solver="full").fit_transform(found)
    points = {"PCA": np.pad(reduced, ((0, 0), (0, max(0, 2 - most))))[:, :2]}
    if len(found) >= 5:
        perplexity = min(30.0, (len(found) - 1) / 3)
        start = points["PCA"] / max(points["PCA"][:, 0].std(), 1e-12) * 1e-4
        points["t-SNE"] = TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(reduced)
        if find_spec("umap"):
            umap: Any = import_module("umap")
            near = min(15, len(found) - 1)
            points["UMAP"] = umap.UMAP(n_neighbors=near, random_state=seed).fit_transform(reduced)
    return rows, points


def map_figure(points: Mapping[str, Points], labels: NDArray[np.int64], classes: Sequence[str], title: str) -> Figure:
    """A panel for each map, coloured by class; more than 20 have their names at medians, but for PCA's crowd."""
    figure = new_figure(6.2 * len(points), 5.6)
    panels = figure.subplots(1, len(points), squeeze=False)[0]
    for axes, (name, found) in zip(panels, points.items(), strict=True):
        scatter(axes, found, labels, classes, named=name != "PCA" or len(points) == 1)
        axes.set_title(name, fontsize=10, loc="left")
        axes.set(xticks=[], yticks=[])
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    present = np.unique(labels[labels >= 0])
    if 0 < len(present) <= NAMED:
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(
            handles, names, title="class", loc="outside right upper", frameon=False, markerscale=2, fontsize=8
        )
    return figure


def scatter(axes: Axes, points: Points, labels: NDArray[np.int64], classes: Sequence[str], named: bool = True) -> None:
    """Points (n, 2) coloured by class (n,), grey for -1."""
    present = [int(label) for label in np.unique(labels)]
    several = [label for label in present if label >= 0]
    palette = mpl.colormaps["tab10" if len(several) <= 10 else "tab20" if len(several) <= NAMED else "turbo"]
    for label in present:
        at = points[labels == label]
        i = several.index(label) if label >= 0 else 0
        colour = UNKNOWN if label < 0 else palette(i if len(several) <= NAMED else i / (len(several) - 1))
        name = shortened(classes[label], 24) if label >= 0 else "no class"
        axes.scatter(at[:, 0], at[:, 1], s=14, alpha=0.7, linewidths=0, color=colour, label=name, rasterized=True)
        if named and len(several) > NAMED and label >= 0:
            x, y = np.median(at, axis=0)
            box = {"facecolor": "white", "alpha": 0.6, "edgecolor": "none", "pad": 0.3}
            axes.text(x, y, shortened(classes[label], 14), fontsize=5, ha="center", va="center", bbox=box)


def confusion_figure(counts: NDArray[np.int64], classes: Sequence[str], title: str) -> Figure:
    """Shares of each class (a row of counts (C, C)) by the class that was told; numbers up to 20 classes."""
    C = len(counts)
    side = min(max(4.5, 2.2 + 0.42 * C), 24.0) if C <= NAMED else min(3 + 0.17 * C, 24.0)
    figure = new_figure(side + 1, side)
    axes = figure.subplots()
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    names = [shortened(name, 20) for name in classes]
    small = 8 if C <= NAMED else 5.5
    axes.set_xticks(range(C), names, rotation=90, fontsize=small)
    axes.set_yticks(range(C), names, fontsize=small)
    axes.set(xlabel="told", ylabel="class")
    if C <= NAMED:
        for i, j in np.argwhere(counts > 0):
            ink = "white" if shares[i, j] > 60 else "black"
            axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=ink, fontsize=8)
    axes.set_title(title, fontsize=10, loc="left")
    figure.colorbar(drawn, label="percent of the class", shrink=0.7)
    return figure


def confused(counts: NDArray[np.int64], classes: Sequence[str], most: int = 5) -> str:
    """Which classes are most often taken for which, in a sentence; empty where none is."""
    others = counts - np.diag(np.diag(counts))
    order = np.argsort(-others, axis=None, kind="stable")[:most]
    pairs = [divmod(int(at), len(counts)) for at in order if others.flat[at]]
    told = [f"{classes[i]} for {classes[j]} ({others[i, j]} of {counts[i].sum()})" for i, j in pairs]
    return f"Most often mistaken: {', '.join(told)}." if told else ""


def shortened(text: str, letters: int) -> str:
    """A text of at most some letters; the end of a longer one, which tells files apart."""
    return text if len(text) <= letters else f"\u2026{text[1 - letters :]}"
