"""What tells two data sets apart, without their names or where they lie."""

import hashlib
import os
from typing import Any

import numpy as np

from contrastive_lab.dataset.split import Arrays, Files, Split, Splits


def data_hash(splits: Splits) -> str:
    """Number of images or texts to pre-train on and 12 hexadecimal digits, e.g. "5000-0f3a9c21b7de".

    The digits are those of all splits and their labels: of files the names below the folder that holds them all, and
    their sizes, of arrays the shapes and values. The same files elsewhere have the same ones.
    """
    digest = hashlib.sha256()
    for part in dict.fromkeys((splits.pretrain, splits.train, splits.test)):
        if part is not None:
            _add(digest, part)
    return f"{len(splits.pretrain)}-{digest.hexdigest()[:12]}"


def _add(digest: Any, part: Split) -> None:
    if isinstance(part, Files):
        folder = os.path.commonpath([path.parent for path in part.paths])
        names = sorted(f"{os.path.relpath(path, folder)} {path.stat().st_size}" for path in part.paths)
        digest.update("\n".join(names).encode())
    else:
        values = part.images if isinstance(part, Arrays) else part.words
        digest.update(f"{values.shape}".encode())
        for block in np.array_split(values, max(1, len(values) // 10_000)):  # a mapped file is read part by part
            digest.update(np.ascontiguousarray(block).data)
    if part.labels is not None:
        digest.update(part.labels.numpy().data)
