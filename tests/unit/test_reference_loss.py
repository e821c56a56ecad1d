"""The fused loss' reference against torch.nn.functional and a worked example."""

import math

import pytest
import torch
import torch.nn.functional as F

from conform_reference.loss import linear_language_model_loss


def test_linear_loss_is_cross_entropy_of_the_next_token():
    g = torch.Generator().manual_seed(1)
    x = torch.randn(2, 5, 3, generator=g, requires_grad=True)
    weight = torch.randn(7, 3, generator=g, requires_grad=True)
    tokens = torch.randint(7, (2, 5), generator=g)
    tokens[1, 2] = -1
    logits = (x @ weight.T)[:, :-1].reshape(-1, 7)
    wanted = F.cross_entropy(logits, tokens[:, 1:].reshape(-1), ignore_index=-1)
    found = linear_language_model_loss(x, weight, tokens, ignore_index=-1)
    torch.testing.assert_close(found, wanted)
    for a, b in zip(
        torch.autograd.grad(found, (x, weight)),
        torch.autograd.grad(wanted, (x, weight)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_linear_loss_of_two_words():
    """Logits (1, 0) at both positions; word 0, then word 1 comes next."""
    x, weight = torch.ones(1, 3, 1), torch.tensor([[1.0], [0.0]])
    found = linear_language_model_loss(x, weight, torch.tensor([[0, 0, 1]]))
    wanted = (math.log1p(math.exp(-1)) + math.log1p(math.e)) / 2
    assert float(found) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("shape", [(3, 7), (7,)])
def test_a_weight_of_other_width_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected \[B, L, E\] and \[V, E\]; transpose"):
        linear_language_model_loss(
            torch.zeros(1, 2, 3), torch.zeros(shape), torch.zeros(1, 2, dtype=torch.int64)
        )
