"""Texts as bags of words."""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn


class BagOfWords(nn.Module):
    """The mean of the vectors of a text's words: ids (n, L), 0 for no word -> (n, features); a text without words is 0.

    Args:
        vocabulary: the V words, of ids 1 to V.
        features: width of the vectors.
        zero_init_residual: of no effect; there are no residual blocks.

    Source: Nozawa & Sato 2021, AG News; EmbeddingBag of 50 features from N(0, 1), read in the authors' code.
    """

    def __init__(self, vocabulary: Sequence[str], features: int = 50, zero_init_residual: bool = False) -> None:
        super().__init__()
        self.num_features = features
        self.embedding = nn.EmbeddingBag(len(vocabulary) + 1, features, mode="mean", padding_idx=0)

    def forward(self, words: Tensor) -> Tensor:
        """Ids (n, L) -> (n, features)."""
        return cast(Tensor, self.embedding(words))
