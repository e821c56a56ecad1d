"""Losses over products, adapters and vision kernels at tile edges, and what they refuse."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton")

from conform_kernels.clip_loss import clip_loss
from conform_kernels.dora_linear import dora_linear
from conform_kernels.linear_language_model_loss import linear_language_model_loss
from conform_kernels.nf4_dequantize import nf4_dequantize
from conform_kernels.nf4_quantize import nf4_quantize
from conform_kernels.patch_embed import patch_embed
from conform_kernels.qlora_linear import qlora_linear
from conform_kernels.shifted_window_attention import shifted_window_attention

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return made.to(DEVICE).requires_grad_()


def integers(high: int, *shape: int, seed: int = 0) -> torch.Tensor:
    made = torch.randint(0, high, shape, generator=torch.Generator().manual_seed(seed))
    return made.to(DEVICE)


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    """Within some roundoffs of the largest value, since terms of sums cancel."""
    largest = float(wanted.detach().abs().max()) if wanted.numel() else 0.0
    torch.testing.assert_close(found, wanted, rtol=2e-5, atol=1e-6 + 4e-6 * largest)


def agree(found: torch.Tensor, wanted: torch.Tensor, *inputs: torch.Tensor) -> None:
    """Values, and the gradients of a weighted sum."""
    close(found, wanted)
    up = torch.linspace(0.5, 1.5, found.numel(), device=DEVICE).reshape(found.shape)
    pairs = zip(
        torch.autograd.grad(found, inputs, up),
        torch.autograd.grad(wanted, inputs, up),
        strict=True,
    )
    for a, b in pairs:
        close(a, b)


# Interpreted tiles hold 32 lines and up to 64 features whole; 64 lines of slopes are a block.
@pytest.mark.parametrize(
    ("batch", "length", "features", "words"),
    [(1, 2, 1, 1), (1, 33, 64, 32), (3, 12, 65, 33), (2, 34, 64, 64), (2, 70, 100, 170)],
)
def test_linear_loss(batch: int, length: int, features: int, words: int) -> None:
    x, weight = randn(batch, length, features), randn(words, features, seed=1)
    tokens = integers(words, batch, length)
    tokens[-1, -1] = -100 if length > 2 else 0
    logits = (x @ weight.T)[:, :-1].reshape(-1, words)
    wanted = F.cross_entropy(logits, tokens[:, 1:].reshape(-1))
    agree(linear_language_model_loss(x, weight, tokens), wanted, x, weight)


def test_linear_loss_of_known_logits() -> None:
    """Two words, logits (1, 0): log(1 + e^-1) for word 0, log(1 + e) for word 1."""
    x = torch.tensor([[[1.0], [1.0], [7.0]]], device=DEVICE)
    weight = torch.tensor([[1.0], [0.0]], device=DEVICE)
    found = linear_language_model_loss(x, weight, torch.tensor([[0, 0, 1]], device=DEVICE))
    assert float(found) == pytest.approx(
        (math.log1p(math.exp(-1)) + math.log1p(math.e)) / 2, rel=1e-6
    )


@pytest.mark.parametrize("features", [16, 80])
def test_ignored_positions_may_hold_anything(features: int) -> None:
    x, weight = randn(1, 4, features), randn(9, features, seed=1)
    tokens = torch.tensor([[1, -100, 3, 4]], device=DEVICE)
    with torch.no_grad():
        x[0, 0], x[0, 3] = math.nan, math.nan  # the last position predicts nothing
    loss = linear_language_model_loss(x, weight, tokens)
    dx, dweight = torch.autograd.grad(loss, (x, weight))
    assert loss.isfinite()
    assert dweight.isfinite().all()
    assert dx[0, 0].eq(0).all()
    assert dx[0, 3].eq(0).all()
    assert dx[0, 1].ne(0).any()


def test_nothing_to_predict_has_no_mean_and_no_gradient() -> None:
    x, weight = randn(1, 3, 4), randn(5, 4, seed=1)
    loss = linear_language_model_loss(x, weight, torch.full((1, 3), -100, device=DEVICE))
    assert loss.isnan()
    assert all(g.eq(0).all() for g in torch.autograd.grad(loss, (x, weight)))


@pytest.mark.parametrize(("pairs", "features"), [(1, 3), (32, 64), (33, 65), (70, 16), (70, 100)])
def test_clip_loss(pairs: int, features: int) -> None:
    image, text = randn(pairs, features), randn(pairs, features, seed=1)
    c = F.normalize(image) @ F.normalize(text).T / 0.3
    right = torch.arange(pairs, device=DEVICE)
    wanted = (F.cross_entropy(c, right) + F.cross_entropy(c.T, right)) / 2
    agree(clip_loss(image, text, temperature=0.3), wanted, image, text)


def test_clip_loss_of_orthonormal_pairs() -> None:
    eye = torch.eye(40, 48, device=DEVICE)
    found = float(clip_loss(eye, eye, temperature=0.5))
    assert found == pytest.approx(math.log1p(39 * math.exp(-2)), rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "columns", "outputs", "rank"), [(1, 1, 1, 1), (33, 65, 31, 17), (64, 32, 33, 16)]
)
def test_dora(rows: int, columns: int, outputs: int, rank: int) -> None:
    x, W, A = randn(rows, columns), randn(outputs, columns, seed=1), randn(rank, columns, seed=2)
    B, magnitude = randn(outputs, rank, seed=3), randn(outputs, seed=4)
    V = W + 3 / rank * B @ A
    wanted = x @ (magnitude[:, None] * V / V.norm(dim=1, keepdim=True)).T
    found = dora_linear(x, W, A, B, magnitude, alpha=3)
    agree(found, wanted, x, W, A, B, magnitude)


def test_dora_rows_of_known_norm() -> None:
    """Rows (3, 4) and (0, 0): norm 5 and none; magnitudes 10 and 7."""
    W = torch.tensor([[3.0, 4.0], [0.0, 0.0]], device=DEVICE)
    none = torch.zeros(1, 2, device=DEVICE)
    magnitude = torch.tensor([10.0, 7.0], device=DEVICE)
    y = dora_linear(torch.eye(2, device=DEVICE), W, none, none.T, magnitude, alpha=1)
    assert y.tolist() == [[6.0, 0.0], [8.0, 0.0]]


@pytest.mark.parametrize("block", [16, 33, 64])
def test_qlora(block: int) -> None:
    codes = integers(16, 33 * 65).to(torch.uint8)
    absmax = 1 + torch.rand(-(-codes.numel() // block), device=DEVICE)
    x, A, B = randn(2, 17, 65), randn(3, 65, seed=1), randn(33, 3, seed=2)
    W = nf4_dequantize(codes, absmax, block_size=block).reshape(33, 65)
    found = qlora_linear(x, codes, absmax, A, B, alpha=6, block_size=block)
    agree(found, x @ (W + 2 * B @ A).T, x, A, B)


def test_nf4_codes_of_known_values() -> None:
    """The largest magnitude has a code at an end; 0.1203 lies halfway between codes 8 and 9."""
    w = torch.tensor([-2.0, 0.0, 0.24, 0.241, 1.0, 0.5, 0.0, 0.0, 0.0], device=DEVICE)
    codes, absmax = nf4_quantize(w, block_size=4)
    assert codes.tolist() == [0, 7, 8, 9, 15, 12, 7, 7, 7]
    assert absmax.tolist() == [2.0, 1.0, 0.0]


@pytest.mark.parametrize("block", [1, 64, 3000])
def test_nf4_there_and_back(block: int) -> None:
    w = randn(6500).detach()
    codes, absmax = nf4_quantize(w, block_size=block)
    back = nf4_dequantize(codes, absmax, block_size=block)
    spread = absmax.repeat_interleave(block)[: w.numel()]
    assert ((back - w).abs() <= 0.152 * spread).all()
    again, _ = nf4_quantize(back, block_size=block)
    assert again.equal(codes)


@pytest.mark.parametrize(
    ("shape", "features", "patch"),
    [((1, 1, 1, 1), 1, 1), ((2, 3, 12, 20), 33, 4), ((1, 2, 24, 27), 40, 3), ((3, 1, 8, 40), 5, 8)],
)
def test_patches(shape: tuple[int, ...], features: int, patch: int) -> None:
    images, bias = randn(*shape), randn(features, seed=2)
    weight = randn(features, shape[1], patch, patch, seed=1)
    wanted = F.conv2d(images, weight, bias, stride=patch).flatten(2).transpose(1, 2)
    agree(patch_embed(images, weight, bias), wanted, images, weight, bias)
    turned = images.transpose(2, 3)
    wanted = F.conv2d(turned, weight, bias, stride=patch).flatten(2).transpose(1, 2)
    agree(patch_embed(turned, weight, bias), wanted, images, weight, bias)


def dense_windows(
    x: torch.Tensor, weights: tuple[torch.Tensor, ...], heads: int, window: int, shift: int
) -> torch.Tensor:
    """Dense attention between pixels of one window on one side of the border."""
    B, Hh, Ww, E = x.shape
    Wqkv, bqkv, Wo, bo = weights
    a, b = torch.meshgrid(torch.arange(Hh), torch.arange(Ww), indexing="ij")
    groups = []
    for place, size in ((a, Hh), (b, Ww)):
        padded = -(-size // window) * window
        groups.append(2 * ((place - shift) % padded // window) + (place < shift))
    group = (groups[0] * 1000 + groups[1]).reshape(-1).to(x.device)
    q, k, v = (
        t.reshape(B, Hh * Ww, heads, E // heads).transpose(1, 2)
        for t in (x @ Wqkv + bqkv).split(E, -1)
    )
    o = F.scaled_dot_product_attention(q, k, v, attn_mask=group[:, None] == group)
    return o.transpose(1, 2).reshape(B, Hh, Ww, E) @ Wo + bo


@pytest.mark.parametrize(
    ("height", "width", "window", "shift"),
    [(8, 8, 4, 2), (5, 9, 4, 3), (1, 3, 2, 1), (9, 11, 9, 4), (17, 9, 9, 0), (3, 3, 7, 2)],
)
def test_shifted_windows(height: int, width: int, window: int, shift: int) -> None:
    """Windows of 81 places take two tiles of queries and three of keys."""
    x = randn(2, height, width, 6)
    weights = (randn(6, 18, seed=1), randn(18, seed=2), randn(6, 6, seed=3), randn(6, seed=4))
    found = shifted_window_attention(x, *weights, heads=2, window=window, shift=shift)
    agree(found, dense_windows(x, weights, 2, window, shift), x, *weights)


X, TOKENS, CODES = (
    torch.zeros(2, 3, 8, device=DEVICE),
    torch.zeros(2, 3, dtype=torch.int64, device=DEVICE),
    torch.zeros(40, dtype=torch.uint8, device=DEVICE),
)
W, A, B = X.new_zeros(5, 8), X.new_zeros(2, 8), X.new_zeros(5, 2)
IMAGE = X.new_zeros(1, 3, 4, 6)
QKV = (X.new_zeros(6, 18), X.new_zeros(18), X.new_zeros(6, 6), X.new_zeros(6))
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "weight transposed": (
        lambda: linear_language_model_loss(X, W.T, TOKENS),
        r"weight\.shape=\(8, 5\); expected \(any, 8\)",
    ),
    "tokens": (
        lambda: linear_language_model_loss(X, W, TOKENS[:, 1:]),
        r"tokens\.shape=\(2, 2\); expected \(B, L, E\) and \(B, L\)",
    ),
    "no words": (lambda: linear_language_model_loss(X, W[:0], TOKENS), "L=3, V=0; expected"),
    "pairs": (
        lambda: clip_loss(W, W[1:], temperature=1.0),
        r"text\.shape=\(4, 8\); expected \(5, 8\)",
    ),
    "no pairs": (lambda: clip_loss(W[:0], W[:0], temperature=1.0), r"image\.shape=\(0, 8\)"),
    "temperature": (lambda: clip_loss(W, W, temperature=0.0), "temperature=0.0; expected a pos"),
    "magnitude": (
        lambda: dora_linear(X, W, A, B, A[0], alpha=1),
        r"magnitude\.shape=\(8,\); expected \(5\)",
    ),
    "rank": (
        lambda: dora_linear(X, W, A[:0], B[:, :0], W[:, 0], alpha=1),
        "r=0; expected 1 to 256",
    ),
    "codes": (
        lambda: qlora_linear(X, CODES[1:], X[0, 0, :1], A, B, alpha=1),
        r"codes\.shape=\(39,\); expected \(40\)",
    ),
    "scales": (
        lambda: qlora_linear(X, CODES, X[0, 0, :2], A, B, alpha=1),
        r"absmax\.shape=\(2,\); expected \(1\)",
    ),
    "code dtype": (
        lambda: qlora_linear(X, CODES.float(), X[0, 0, :1], A, B, alpha=1),
        r"codes=torch\.float32\(40,\); expected uint8",
    ),
    "no weights": (lambda: nf4_quantize(X[0, 0, :0]), r"w\.shape=\(0,\); expected \(n,\)"),
    "block": (lambda: nf4_quantize(X[0, 0], block_size=0), "block_size=0; expected 1 to 16384"),
    "patch": (
        lambda: patch_embed(IMAGE, X.new_zeros(2, 3, 4, 4), X.new_zeros(2)),
        "expected P=4 to divide Hh and Ww: pad or crop",
    ),
    "channels": (
        lambda: patch_embed(IMAGE, X.new_zeros(2, 1, 2, 2), X.new_zeros(2)),
        r"weight\.shape=\(2, 1, 2, 2\); expected \(any, 3, 2, 2\)",
    ),
    "heads": (
        lambda: shifted_window_attention(IMAGE, *QKV, heads=4, window=2),
        "heads=4, E=6; expected heads to divide E",
    ),
    "shift": (
        lambda: shifted_window_attention(IMAGE, *QKV, heads=2, window=2, shift=2),
        "window=2, shift=2; expected 0 <= shift < window",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_wrong_arguments_are_refused(what: str) -> None:
    call, message = REFUSED[what]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.skipif(DEVICE != "cpu", reason="a GPU asserts this on the device")
def test_unknown_targets_are_refused() -> None:
    with pytest.raises(ValueError, match=r"targets from 5 to 5; expected 0 to 4 \(V=5\)"):
        linear_language_model_loss(X, W, TOKENS + 5)
