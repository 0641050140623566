"""Views of texts: what is left out, what is replaced, and what every random number depends on."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from contrastive_lab.augment import TextRecipe, word_views
from contrastive_lab.augment.words import nearest
from contrastive_lab.errors import RunError
from contrastive_lab.randomness import StepRandom

N, L, V = 400, 60, 500


def step_random(count: int = N, start: int = 0, size: int = N, step: int = 0) -> StepRandom:
    return StepRandom(seed=1, epoch=0, step=step, size=size, start=start, count=count)


def texts(shortest: int = 10) -> Tensor:
    """N texts of `shortest` to L words among V, then zeros."""
    source = torch.Generator().manual_seed(0)
    ids = torch.randint(1, V + 1, (N, L), generator=source, dtype=torch.int32)
    lengths = torch.randint(shortest, L + 1, (N, 1), generator=source)
    return ids * (torch.arange(L) < lengths)


def ring(k: int = 5) -> Tensor:
    """Neighbours of a word: the k that follow it, round and round; of no word: itself."""
    table = (torch.arange(V)[:, None] + torch.arange(1, k + 1)) % V + 1
    return torch.cat([torch.zeros(1, k), table]).int()


@pytest.mark.parametrize("drop", [0.05, 0.2, 0.7])
def test_words_are_left_out_at_the_rate_asked_for(drop: float) -> None:
    words = texts()
    view = TextRecipe(drop)(words, step_random(), 0)
    there = words > 0
    assert torch.equal(view[view > 0], words[view > 0]) and not view[~there].any()
    count = int(there.sum())
    share = float((view[there] == 0).float().mean())
    # Five standard deviations of a binomial share; the word kept where all would go adds less than drop**10 / 10.
    assert abs(share - drop) < 5 * math.sqrt(drop * (1 - drop) / count) + drop**10 / 10


def test_positions_are_left_out_alike_and_by_themselves() -> None:
    words = torch.ones(N, L, dtype=torch.int32)
    out = (TextRecipe(0.2)(words, step_random(), 0) == 0).float()
    assert (out.mean(0) - 0.2).abs().max() < 5 * math.sqrt(0.2 * 0.8 / N)
    # Neighbouring words go together in 0.2 * 0.2 of the cases; 5 standard deviations of that share.
    both = (out[:, 1:] * out[:, :-1]).mean()
    assert abs(both - 0.04) < 5 * math.sqrt(0.04 * 0.96 / (N * (L - 1)))


@pytest.mark.parametrize("drop", [0.9, 1.0])
def test_one_word_of_a_text_always_stays(drop: float) -> None:
    words = texts(shortest=1)
    words[0] = 0  # a text without words has nothing to keep
    view = TextRecipe(drop)(words, step_random(), 0)
    kept = (view > 0).sum(dim=1)
    assert kept[0] == 0 and kept[1:].min() == 1
    if drop == 1.0:
        assert (kept[1:] == 1).all()
        positions = (view > 0).float().argmax(dim=1)[(words > 0).all(dim=1)]
        assert len(set(positions.tolist())) > 1  # not always the same


def test_nothing_is_left_out_at_probability_0_nor_in_a_test() -> None:
    words = texts()
    assert torch.equal(TextRecipe(0.0)(words, step_random(), 0), words)
    assert torch.equal(TextRecipe(0.7, 0.7, ring()).clean(words), words)


def test_a_view_is_a_function_of_draw_and_view() -> None:
    words, made = texts(), TextRecipe(0.2, 0.2, ring())
    view = made(words, step_random(), 0)
    assert torch.equal(view, made(words.clone(), step_random(), 0))
    assert not torch.equal(view, made(words, step_random(), 1))
    assert not torch.equal(view, made(words, step_random(step=1), 0))
    assert not torch.equal(view, made(words, replace(step_random(), seed=2), 0))


def test_rows_of_a_process_are_those_of_the_global_batch() -> None:
    words, made = texts(), TextRecipe(0.2, 0.2, ring())
    whole = made(words, step_random(), 1)
    for a, b in ((0, N // 2), (N // 2, N), (100, 130)):
        assert torch.equal(made(words[a:b], step_random(b - a, start=a), 1), whole[a:b])


def test_words_are_replaced_by_each_neighbour_alike() -> None:
    words = texts()
    view = TextRecipe(0.0, 0.2, ring())(words, step_random(), 0)
    there = words > 0
    steps = ((view - words) % V)[there]  # 0 for a word that stayed, else which neighbour
    count = int(there.sum())
    for step in range(6):
        expected = 0.8 if step == 0 else 0.2 / 5
        share = float((steps == step).float().mean())
        assert abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / count)
    assert not view[~there].any() and steps.max() == 5


def test_leaving_words_out_changes_no_replacement() -> None:
    words = texts()
    both, replaced = (TextRecipe(drop, 0.2, ring())(words, step_random(), 0) for drop in (0.2, 0.0))
    assert torch.equal(both[both > 0], replaced[both > 0])


def vectors(path: Path, words: dict[str, list[float]], header: bool = True) -> Path:
    lines = [f"{len(words)} 3"] if header else []
    path.write_text("\n".join([*lines, *(f"{word} {' '.join(map(str, v))}" for word, v in words.items())]) + "\n")
    return path


@pytest.mark.parametrize("header", [True, False])
def test_neighbours_are_those_of_greatest_cosine(header: bool, tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    vocabulary = [f"w{i}" for i in range(30)]
    known = {word: source.normal(size=3).round(3).tolist() for word in [*vocabulary[:24], "unknown", "."]}
    table = nearest(vocabulary, vectors(tmp_path / "a.vec", known, header), k=5)
    assert table.shape == (31, 5) and table.dtype == torch.int32
    assert table[0].tolist() == [0] * 5
    for word in vocabulary[24:]:  # without a vector
        assert table[vocabulary.index(word) + 1].tolist() == [vocabulary.index(word) + 1] * 5

    def cosine(a: str, b: str) -> float:
        x, y = np.array(known[a]), np.array(known[b])
        return float(x @ y / np.sqrt((x @ x) * (y @ y)))

    for word in vocabulary[:24]:
        others = sorted((o for o in vocabulary[:24] if o != word), key=lambda other: -cosine(word, other))
        found = [vocabulary[i - 1] for i in table[vocabulary.index(word) + 1].tolist()]
        assert found == others[:5]


def test_neighbours_in_blocks_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = np.random.default_rng(1)
    vocabulary = [f"w{i}" for i in range(25)]
    path = vectors(tmp_path / "a.vec", {word: source.normal(size=4).tolist() for word in vocabulary})
    whole = nearest(vocabulary, path)
    monkeypatch.setattr("contrastive_lab.augment.words.ROWS", 7)
    assert torch.equal(nearest(vocabulary, path), whole)


def test_what_is_wrong_with_vectors_is_one_line(tmp_path: Path) -> None:
    vocabulary = [f"w{i}" for i in range(9)]
    good = {word: [float(i), 1.0, 2.0] for i, word in enumerate(vocabulary)}
    with pytest.raises(RunError, match=r"augment\.vectors=.*none\.vec: no such file"):
        word_views(vocabulary, vectors=str(tmp_path / "none.vec"))
    with pytest.raises(RunError, match=r"few\.vec: holds 2 words of the texts; more than 5 are needed"):
        word_views(vocabulary, vectors=str(vectors(tmp_path / "few.vec", dict(list(good.items())[:2]))))
    with pytest.raises(RunError, match=r"short\.vec: line 10 is not a word and 3 numbers"):
        word_views(vocabulary, vectors=str(vectors(tmp_path / "short.vec", good | {"w8": [1.0, 2.0]})))
    path = vectors(tmp_path / "text.vec", good)
    path.write_text(path.read_text().replace("w4 4.0", "w4 four"))
    with pytest.raises(RunError, match=r"text\.vec: line 6 is not a word and 3 numbers"):
        word_views(vocabulary, vectors=str(path))


def test_vectors_are_read_once_for_all_jobs_and_anew_when_they_change(tmp_path: Path) -> None:
    vocabulary = [f"w{i}" for i in range(9)]
    circle = {word: [math.cos(i * i), math.sin(i * i), 0.0] for i, word in enumerate(vocabulary)}
    path = vectors(tmp_path / "a.vec", circle)
    first, again = (word_views(vocabulary, vectors=str(path)).neighbours for _ in range(2))
    assert first is again
    path = vectors(tmp_path / "a.vec", dict(zip(vocabulary, reversed(circle.values()), strict=True)))
    assert torch.equal(word_views(vocabulary, vectors=str(path)).neighbours, nearest(vocabulary, path))
    assert not torch.equal(nearest(vocabulary, path), first)


def test_without_vectors_nothing_is_replaced() -> None:
    made = word_views([f"w{i}" for i in range(V)], drop=0.0, replace=1.0)
    assert torch.equal(made(texts(), step_random(), 0), texts())


@pytest.mark.gpu
def test_gpu_agrees_and_the_host_never_waits() -> None:
    words, made = texts(), TextRecipe(0.2, 0.2, ring())
    there = words.cuda()
    made(there, step_random(), 0)  # the first use of a kernel waits while it is loaded
    torch.cuda.set_sync_debug_mode("error")
    try:
        view = made(there, step_random(), 0)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(view.cpu(), made(words, step_random(), 0))
