"""Norms of a sum in the reference: two results, one stream, and what they refuse."""

from __future__ import annotations

import pytest
import torch

from conform_reference.norm import add_layer_norm, add_rms_norm, layer_norm, rms_norm


def test_the_second_result_is_the_sum_and_the_first_its_norm() -> None:
    x, residual = torch.tensor([[3.0, -1.0]]), torch.tensor([[0.0, 5.0]])
    gamma, beta = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.0])
    normed, total = add_rms_norm(x, residual, gamma, eps=0.0)
    assert total.tolist() == [[3.0, 4.0]]
    assert torch.equal(normed, rms_norm(total, gamma, eps=0.0))
    torch.testing.assert_close(normed, torch.tensor([[3.0, 8.0]]) / 12.5**0.5)
    normed, total = add_layer_norm(x, residual, gamma, beta, eps=0.0)
    assert total.tolist() == [[3.0, 4.0]]
    assert normed.tolist() == [[-0.5, 2.0]]
    assert torch.equal(normed, layer_norm(total, gamma, beta, eps=0.0))


def test_the_stream_is_rounded_once() -> None:
    x = torch.tensor([[1.0, 1.0]], dtype=torch.bfloat16)
    residual = torch.tensor([[2.0**-9, 3 * 2.0**-9]], dtype=torch.bfloat16)
    _, total = add_rms_norm(x, residual, torch.ones(2, dtype=torch.bfloat16))
    assert total.dtype == torch.bfloat16
    assert total.tolist() == [[1.0, 1 + 2.0**-7]]


def test_a_residual_of_another_shape_is_refused() -> None:
    x, gamma = torch.zeros(2, 3, 4), torch.ones(4)
    with pytest.raises(ValueError, match=r"residual\.shape=\(3, 4\), x\.shape=\(2, 3, 4\)"):
        add_rms_norm(x, x[0], gamma)
    with pytest.raises(ValueError, match=r"beta\.shape=\(3,\)"):
        add_layer_norm(x, x, gamma, gamma[:3])
    with pytest.raises(ValueError, match="eps=-1"):
        add_rms_norm(x, x, gamma, eps=-1)
