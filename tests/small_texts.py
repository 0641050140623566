"""A small folder of news in the form of AG News, and the settings of a small run on it."""

from pathlib import Path

import numpy as np

TOPICS = ("market stock bank", "game team coach", "planet orbit rocket", "vote court senate")

SMALL = (
    "dataset=ag_news",
    "data_dir=.",
    "batch_size=16",
    "head.dim=8",
    "backbone.features=6",
    "epochs=2",
    "evaluation.epochs=2",
    "trainer.log_every_n_steps=1",
    "trainer.enable_progress_bar=false",
)


def write_texts(path: Path, texts: int, seed: int) -> None:
    """Official rows: class 1 to 4, title, description; four words of the class, some of all, and a rare one."""
    source = np.random.default_rng(seed)
    lines = []
    for number in range(texts):
        topic = TOPICS[number % 4].split()
        words = [*source.choice(topic, 4), *source.choice(["the", "a", "of", "in"], 4), f"rare{seed}{number}"]
        lines.append(f'"{number % 4 + 1}","{topic[0].title()}!","{" ".join(words)}"\n')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))


def write_news(folder: Path) -> Path:
    """A folder with 64 training and 24 test texts."""
    write_texts(folder / "ag_news" / "train.csv", 64, seed=0)
    write_texts(folder / "ag_news" / "test.csv", 24, seed=1)
    return folder
