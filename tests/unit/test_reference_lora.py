"""Low-rank methods, 4-bit bases and counts against brute force and the decks' numbers."""

import math

import pytest
import torch

from conform_reference import lora
from conform_reference.conventions import adapt


def _drawn(*shapes, seed=0):
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=g, dtype=torch.float64) for shape in shapes]


def test_branches_and_merge_on_a_layer_of_unlike_sides():
    x, W, A, B = _drawn((2, 3, 12), (10, 12), (3, 12), (10, 3))
    y = lora.lora_linear(x, W, A, B, alpha=6)
    torch.testing.assert_close(y, x @ (W + 2 * B @ A).T)
    torch.testing.assert_close(y, x @ lora.lora_merge(W, A, B, alpha=6).T)
    root = adapt("lora_linear", lora.lora_linear, {"lora_scaling": "alpha_over_sqrt_r"})
    torch.testing.assert_close(root(x, W, A, B, alpha=6), x @ (W + 6 / 3**0.5 * B @ A).T)


def test_truncation_and_training_step_by_autograd():
    x, t, W, A, B = _drawn((5, 4), (5, 3), (3, 4), (2, 4), (3, 2))
    cut = lora.dylora_linear(x, W, A, B, alpha=1, rank=1)
    torch.testing.assert_close(cut, x @ (W + torch.outer(B[:, 0], A[0])).T)
    leaves = [A.clone().requires_grad_(), B.clone().requires_grad_()]
    error = lora.lora_linear(x, W, *leaves, alpha=1) - t
    grads = torch.autograd.grad(error.square().sum() / 10, leaves)
    got = lora.lora_training_step(x, t, W, A, B, alpha=1, lr=0.1, weight_decay=0.5)
    assert torch.equal(got[0], W)
    for new, old, g in zip(got[1:], (A, B), grads, strict=True):
        torch.testing.assert_close(new, 0.95 * old - 0.1 * g)


def test_dora_rows_have_the_magnitudes_and_its_norm_can_be_detached():
    W, A, B, m = _drawn((10, 12), (3, 12), (10, 3), (10,))
    merged = lora.dora_merge(W, A, B, m, alpha=3)
    torch.testing.assert_close(merged.norm(dim=1), m.abs())
    leaf = B.clone().requires_grad_()
    detached = adapt("dora_merge", lora.dora_merge, {"dora_gradient": "detached"})
    (g,) = torch.autograd.grad(detached(W, A, leaf, m, alpha=3).sum(), leaf)
    ratio = m / (W + B @ A).norm(dim=1)
    torch.testing.assert_close(g, torch.outer(ratio, A.sum(1)))
    (exact,) = torch.autograd.grad(lora.dora_merge(W, A, leaf, m, alpha=3).sum(), leaf)
    assert not torch.allclose(exact, g)
    assert torch.equal(lora.dora_merge(0 * W, A, 0 * B, m, alpha=3), torch.zeros(10, 12).double())


def test_dora_over_inputs():
    W, A, B, m = _drawn((4, 6), (2, 6), (4, 2), (6,))
    over_inputs = adapt("dora_merge", lora.dora_merge, {"dora_norm": "per_input"})
    torch.testing.assert_close(over_inputs(W, A, B, m, alpha=1).norm(dim=0), m.abs())
    layer = adapt("dora_linear", lora.dora_linear, {"dora_norm": "per_input"})
    (x,) = _drawn((3, 6), seed=1)
    torch.testing.assert_close(
        layer(x, W, A, B, m, alpha=1), x @ over_inputs(W, A, B, m, alpha=1).T
    )


def test_products_and_factors():
    a, b, c, d = _drawn((2, 6), (4, 2), (2, 6), (4, 2))
    torch.testing.assert_close(lora.loha_delta(a, b, c, d, alpha=4), 2 * (b @ a) * (d @ c))
    (small,) = _drawn((3, 5), seed=1)
    torch.testing.assert_close(lora.lokr_delta(small, a, b, alpha=4), 2 * torch.kron(small, b @ a))
    cases = {(256, -1): (16, 16), (128, -1): (8, 16), (127, -1): (1, 127), (128, 4): (4, 32)}
    for (n, factor), pair in cases.items():
        assert lora.lokr_factors(n, factor=factor) == pair


def test_nf4_levels_are_the_normal_quantiles():
    half = torch.linspace(0.9677083, 0.5, 9, dtype=torch.float64)[:-1]
    less = torch.linspace(0.9677083, 0.5, 8, dtype=torch.float64)[:-1]
    q = torch.cat([torch.special.ndtri(half), -torch.special.ndtri(less), torch.zeros(1)])
    levels = lora.nf4_dequantize(torch.arange(16), torch.ones(1))
    torch.testing.assert_close(levels, (q.sort().values / q.max()).float(), atol=2e-7, rtol=0)


def test_nf4_by_brute_force():
    (w,) = _drawn((150,))
    w[64:128] = 0
    codes, absmax = lora.nf4_quantize(w)
    levels = lora.nf4_dequantize(torch.arange(16), torch.ones(1)).double()
    for i in range(150):
        block = w[i // 64 * 64 : i // 64 * 64 + 64]
        assert absmax[i // 64] == block.abs().max()
        errors = [abs(float(w[i] - block.abs().max() * level)) for level in levels]
        assert int(codes[i]) == (7 if 64 <= i < 128 else errors.index(min(errors)))
    packed = lora.nf4_pack(codes)
    assert packed.numel() == 75
    assert int(packed[0]) == 16 * int(codes[0]) + int(codes[1])
    assert torch.equal(lora.nf4_unpack(packed), codes)


def test_double_quantisation():
    scales = torch.tensor([1.0, 2.0, 3.0, 6.0])
    codes, step, mean = lora.quantize_scales(scales)
    assert codes.tolist() == [42, 85, 127, 254]
    assert (float(step), float(mean)) == (3, 3)
    back = lora.dequantize_scales(codes, step, mean)
    assert float((back - scales).abs().max()) <= 3 / 254


def test_bits_bytes_and_percentages_of_the_decks():
    assert lora.quantized_bits(scale_block_size=256) == 4.126953125
    assert lora.finetuning_bytes(parameters=175 * 10**9) == 2800 * 10**9
    shape = {"layers": 32, "width": 4096, "hidden": 11008}
    for method, size, percent in (
        ("lora", 32, 0.83), ("dora", 32, 0.84), ("dora", 16, 0.43), ("series", 256, 0.99),
        ("parallel", 256, 3.54),
    ):  # fmt: skip
        p = lora.model_parameters(method, **shape, size=size)
        assert round(lora.trainable_percent(trainable=p, frozen=6738415616), 2) == percent
    assert lora.task_storage(parameters=100, tasks=3) == 300
    assert lora.finetuning_flops(parameters=100, tokens=2, trainable=1) == 812


def test_subspace_of_low_codimension_meets_the_goal_and_a_smaller_one_does_not():
    P, H, goal = _drawn((20, 6), (6, 20), (6,))
    for d, reached in ((6, True), (5, False)):
        z = torch.linalg.lstsq(H @ P[:, :d], goal).solution
        theta = lora.subspace_update(torch.zeros(20).double(), P[:, :d], z)
        assert bool((H @ theta - goal).norm() < 1e-9) == reached
    found = lora.intrinsic_dimension(
        torch.tensor([5, 6, 7]), torch.tensor([0.5, 0.95, 1.0]), torch.tensor(1.0)
    )
    assert int(found) == 6


def test_initial_update_is_zero_and_the_seed_counts():
    A, B = lora.lora_init(6, 400, 4, seed=3)
    assert not B.any()
    assert torch.equal(A, lora.lora_init(6, 400, 4, seed=3)[0])
    assert not torch.equal(A, lora.lora_init(6, 400, 4, seed=4)[0])
    assert math.isclose(float(A.std()), 1 / 20, rel_tol=0.1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: lora.lora_init(4, 4, 0, seed=0), "rank=0"),
        (lambda: lora.lora_merge(torch.ones(3, 2), torch.ones(1, 3), torch.ones(2, 1), alpha=1),
         "transpose W0"),
        (lambda: lora.lora_merge(torch.ones(2, 3), torch.ones(1, 3), torch.ones(2, 2), alpha=1),
         "same rank"),
        (lambda: lora.dora_merge(torch.ones(2, 3), torch.ones(1, 3), torch.ones(2, 1),
                                 torch.ones(3), alpha=1), "one for each output"),
        (lambda: lora.dylora_linear(torch.ones(3), torch.ones(2, 3), torch.ones(1, 3),
                                    torch.ones(2, 1), alpha=1, rank=2), "at most 1"),
        (lambda: lora.loha_delta(torch.ones(1, 3), torch.ones(2, 1), torch.ones(2, 3),
                                 torch.ones(2, 2), alpha=1), "pad the smaller rank"),
        (lambda: lora.lokr_factors(0), "n=0"),
        (lambda: lora.nf4_quantize(torch.ones(3), block_size=0), "block_size=0"),
        (lambda: lora.nf4_dequantize(torch.zeros(65), torch.ones(1)), "block_size"),
        (lambda: lora.nf4_pack(torch.zeros(3)), "even number"),
        (lambda: lora.intrinsic_dimension(torch.ones(1), torch.ones(1), torch.tensor(1.0),
                                          fraction=90), "fraction=90"),
        (lambda: lora.delta_parameters("rola", fan_in=1, fan_out=1, rank=1), "expected one of"),
        (lambda: lora.trainable_percent(trainable=0, frozen=1), "trainable=0"),
        (lambda: lora.finetuning_bytes(parameters=2.5), "parameters=2.5"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
