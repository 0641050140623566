import pytest
import torch
from torch import Tensor

from contrastive_lab.assignment import sinkhorn


def loop(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """SwAV's Appendix A.1, number by number: Q is prototypes x rows."""
    Q = (scores / epsilon).exp().T
    Q = Q / Q.sum()
    P, B = Q.shape
    for _ in range(iterations):
        for p in range(P):
            Q[p] = Q[p] / Q[p].sum() / P
        for b in range(B):
            Q[:, b] = Q[:, b] / Q[:, b].sum() / B
    return (Q * B).T


@pytest.mark.parametrize("iterations", [1, 3, 10])
@pytest.mark.parametrize(("B", "P"), [(12, 5), (5, 12)])
def test_codes_are_those_of_the_papers_loop(B: int, P: int, iterations: int) -> None:
    scores = 2 * torch.rand(B, P, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 1
    torch.testing.assert_close(sinkhorn(scores, 0.1, iterations), loop(scores, 0.1, iterations), rtol=1e-10, atol=0)


def test_rows_sum_to_one_and_columns_to_equal_use() -> None:
    scores = torch.randn(40, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    codes = sinkhorn(scores, 0.5, iterations=200)
    torch.testing.assert_close(codes.sum(1), torch.ones(40, dtype=torch.float64))
    torch.testing.assert_close(codes.sum(0), torch.full((8,), 5.0, dtype=torch.float64), rtol=1e-8, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_large_scores_do_not_overflow(dtype: torch.dtype) -> None:
    """exp(1 / 0.05) = 4.9e8 is beyond half precision; 1 / 0.001 is beyond float32 too."""
    scores = torch.eye(6, dtype=dtype) * 2 - 1
    for epsilon in (0.05, 0.001):
        codes = sinkhorn(scores, epsilon)
        assert codes.dtype == torch.float32
        assert codes.isfinite().all()
        torch.testing.assert_close(codes, torch.eye(6), rtol=0, atol=1e-6)


def test_bad_settings_are_an_error() -> None:
    for settings in ({"epsilon": 0.0}, {"iterations": 0}):
        with pytest.raises(ValueError, match="epsilon > 0 and iterations >= 1"):
            sinkhorn(torch.zeros(2, 2), **settings)
