"""Quantisation, pruning, distillation and word-vector references against small exact numbers."""

from __future__ import annotations

import math

import pytest
import torch

from conform_reference import _word_vectors as words
from conform_reference import compression as comp
from conform_reference.metrics import exact_match_percent

generator = torch.Generator().manual_seed(7)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_codes_round_clip_and_pass_the_gradient() -> None:
    x = torch.tensor([-99.0, -0.26, 0.0, 0.24, 0.26, 99.0], dtype=torch.float64, requires_grad=True)
    codes, values = comp.uniform_quantize(x, scale=0.5, bits=4)
    assert codes.tolist() == [-8, -1, 0, 0, 1, 7]
    assert values.tolist() == [-4.0, -0.5, 0.0, 0.0, 0.5, 3.5]
    (gradient,) = torch.autograd.grad(values.sum(), x)
    assert gradient.tolist() == [0, 1, 1, 1, 1, 0]
    codes, values = comp.uniform_quantize(x, scale=0.5, zero_point=3, bits=4, signed=False)
    assert codes.tolist() == [0, 2, 3, 3, 4, 15]


def test_affine_parameters_hold_zero_exactly() -> None:
    scale, zero_point = comp.affine_parameters(-1.0, 3.0)
    assert (scale, zero_point) == (4.0 / 255, 64)
    assert comp.affine_parameters(0.5, 2.0)[1] == 0
    with pytest.raises(ValueError, match="low < high"):
        comp.affine_parameters(0.0, 0.0)


def test_smoothing_keeps_the_product_and_balances() -> None:
    x, W = normal(5, 4), normal(4, 3)
    a, w = comp.smooth_quant(x, W)
    assert torch.allclose(a @ w, x @ W)
    assert torch.allclose(a.abs().amax(0), w.abs().amax(1))


def test_exactly_the_smallest_are_pruned_also_among_equals() -> None:
    w = torch.tensor([3.0, -1.0, 1.0, -2.0, 1.0, 1.0, 5.0])
    keep = comp.magnitude_mask(w, ratio=0.5)
    assert int(keep.sum()) == 4
    assert keep[[0, 3, 6]].all()
    with pytest.raises(ValueError, match=r"ratio=1\.5"):
        comp.magnitude_mask(w, ratio=1.5)


def test_distillation_is_scaled_divergence() -> None:
    s, t = normal(3, 5), normal(3, 5)
    p = torch.softmax(t / 2, -1)
    wanted = 4 * (p * (p.log() - torch.log_softmax(s / 2, -1))).sum(-1).mean()
    assert torch.allclose(comp.distillation_loss(s, t, temperature=2.0), wanted)
    assert float(comp.distillation_loss(t + 3, t, temperature=2.0)) == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(ValueError, match="temperature"):
        comp.distillation_loss(s, t, temperature=0.0)


def test_separable_convolution_is_a_dense_one_and_its_cost_ratio() -> None:
    x, D, P = normal(1, 3, 5, 6), normal(3, 3, 3), normal(3, 4)
    dense = torch.einsum("co,cij->ocij", P, D)
    wanted = torch.nn.functional.conv2d(x, dense)
    assert torch.allclose(comp.depthwise_separable_convolution(x, D, P), wanted)
    few = comp.convolution_cost(channels_in=3, channels_out=4, kernel=3, separable=True)
    assert few == D.numel() + P.numel()
    assert comp.convolution_cost(channels_in=3, channels_out=4, kernel=3) == dense.numel()
    with pytest.raises(ValueError, match="kernel=0"):
        comp.convolution_cost(channels_in=3, channels_out=4, kernel=0)


def test_compound_scaling_of_the_published_bases() -> None:
    assert comp.compound_scaling(1)[3] == pytest.approx(1.2 * 1.1**2 * 1.15**2)
    with pytest.raises(ValueError, match="beta"):
        comp.compound_scaling(1, beta=0.0)


def test_word_vector_losses_at_zero() -> None:
    zero = torch.zeros(2, 3, dtype=torch.float64)
    loss = words.skipgram_loss(zero, zero, torch.zeros(2, 5, 3, dtype=torch.float64))
    assert float(loss) == pytest.approx(6 * math.log(2))
    counts, none = torch.tensor([[0, 1], [1, 0]]), torch.zeros(2, dtype=torch.float64)
    assert float(words.glove_loss(zero, zero, none, none, counts)) == 0.0
    counts = torch.tensor([[0, 50], [0, 200]])
    wanted = 0.5**0.75 * math.log(50) ** 2 + math.log(200) ** 2
    assert float(words.glove_loss(zero, zero, none, none, counts)) == pytest.approx(wanted)


def test_one_hot_and_exact_match() -> None:
    assert words.one_hot_encode(torch.tensor([2, 0]), vocabulary=3).tolist() == [
        [0, 0, 1],
        [1, 0, 0],
    ]
    with pytest.raises(ValueError, match=r"\[0, 3\)"):
        words.one_hot_encode(torch.tensor([3]), vocabulary=3)
    a, b = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1, 2], [3, 5]])
    assert float(exact_match_percent(a, b)) == 50.0
    with pytest.raises(ValueError, match="at least one answer"):
        exact_match_percent(a[:0], b[:0])
