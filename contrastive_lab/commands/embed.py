"""Write features of images or texts by a stored run's encoder, with pictures of them and a page.

contrastive-lab embed run=outputs/simo/<date> [format=npy|parquet|csv] [out=<folder>]
contrastive-lab embed run=outputs/simo/<date> images=photos
contrastive-lab embed run=outputs/simo/<date> dataset=cifar10 data_dir=/data
contrastive-lab embed run=outputs/simo/<date>/export images=photos

Features h of the backbone with file, split, label and class of each row; nearest neighbours, a map by PCA and t-SNE (by
UMAP too where umap-learn is installed), and the confusion matrix of the kNN, as png and in embedding.html.
"""

from collections.abc import Sequence
from pathlib import Path

from contrastive_lab.errors import ConfigError
from contrastive_lab.imports import quickly
from contrastive_lab.launch.command_line import prepare
from contrastive_lab.launch.other_data import DATASET, asked_config, data_name, exported_config
from contrastive_lab.launch.script import OWN_CODE, PLACES, Values, run_script, stored_folder
from contrastive_lab.record.export import read_card

FORMS = {
    "run=<folder of a run>": "whose encoder gives the features, or that of an export; needed",
    "images=<folder>": "short for dataset=image_folder dataset.root=<folder>; the run's own data unless told",
    "format=<npy, parquet or csv>": "of the features; npy, with a csv beside it, unless told",
    "out=<folder>": "a new one; embed/<name of the data set> in the run's folder unless told",
    **DATASET,
    **PLACES,
    **OWN_CODE,
}


def task(values: Values) -> None:
    """Check the line, encode, and write features, pictures and page."""
    card = read_card(Path(values["run"]))
    folder = Path(values["run"]) if card is not None else stored_folder(values["run"])
    told = {key: value for key, value in values.items() if key != "images"}
    if "images" in values:
        if twice := [key for key in ("dataset", "dataset.root") if key in values]:
            raise ConfigError(f"images={values['images']}: names the data, as {twice[0]} does; leave one out")
        if not Path(values["images"]).is_dir():
            raise ConfigError(f"images={values['images']}: no such folder")
        told |= {"dataset": "image_folder", "dataset.root": values["images"]}
    prepare()
    config = asked_config(folder, told) if card is None else exported_config(folder, card, told)
    name = data_name(config)
    with quickly():  # here, so that errors need not wait for torch
        from contrastive_lab.record.features_file import check_format

    check_format(kind := values.get("format", "npy"))
    with quickly():
        from contrastive_lab.run.embed import embed_run

    print(embed_run(folder, config, Path(values.get("out", folder / "embed" / name)), kind, name))


def main(line: Sequence[str]) -> int:
    """Run a line of `embed`; returns the exit code."""
    return run_script(task, line, __doc__, FORMS)
