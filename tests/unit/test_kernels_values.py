"""Kernels against plain torch beyond the cases that specs draw, and the arguments they refuse."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton")

from conform_kernels.attention import attention, attention_with_lse
from conform_kernels.attention_merge import attention_merge
from conform_kernels.block_sparse_attention import block_sparse_attention
from conform_kernels.decode_attention import decode_attention
from conform_kernels.embedding import embedding
from conform_kernels.gelu import gelu
from conform_kernels.glu_feed_forward import glu_feed_forward
from conform_kernels.language_model_loss import language_model_loss
from conform_kernels.layer_norm import layer_norm
from conform_kernels.linear_attention import linear_attention
from conform_kernels.rms_norm import rms_norm
from conform_kernels.rope import rope
from conform_kernels.softmax import softmax

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return made.to(DEVICE).requires_grad_()


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=2e-5, atol=2e-6)


def test_rows_of_many_tiles() -> None:
    x, w, b = randn(3, 1000), randn(1000, seed=1), randn(1000, seed=2)
    up = randn(3, 1000, seed=3).detach()
    for found, wanted in (
        (softmax(x), x.softmax(-1)),
        (layer_norm(x, w, b), F.layer_norm(x, (1000,), w, b)),
        (rms_norm(x, w), F.rms_norm(x, (1000,), w, 1e-6)),
    ):
        close(found, wanted)
        inputs = [t for t in (x, w, b) if torch.autograd.grad(
            wanted.sum(), t, retain_graph=True, allow_unused=True)[0] is not None]  # fmt: skip
        close_all(torch.autograd.grad(found, inputs, up), torch.autograd.grad(wanted, inputs, up))


def close_all(found: tuple[torch.Tensor, ...], wanted: tuple[torch.Tensor, ...]) -> None:
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [80, 256])
def test_wide_heads(size: int) -> None:
    q, k, v = (randn(1, 2, 20, size, seed=n) for n in range(3))
    found = attention(q, k, v, causal=True)
    wanted = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    close(found, wanted)
    close_all(
        torch.autograd.grad(found.sum(), (q, k, v)), torch.autograd.grad(wanted.sum(), (q, k, v))
    )


def test_the_log_sum_exp_is_natural_and_has_a_gradient() -> None:
    q, k, v = (randn(1, 1, 5, 16, seed=n) for n in range(3))
    _, lse = attention_with_lse(q, k, v, scale=1.0)
    wanted = (q @ k.mT).logsumexp(-1)
    close(lse, wanted)
    close(torch.autograd.grad(lse.sum(), q)[0], torch.autograd.grad(wanted.sum(), q)[0])


def test_empty_inputs() -> None:
    q, none = randn(1, 2, 3, 16), randn(1, 2, 0, 16)
    o, lse = attention_with_lse(q, none, none)
    assert o.eq(0).all()
    assert lse.eq(-torch.inf).all()
    assert attention(none, q, q).shape == (1, 2, 0, 16)
    assert softmax(randn(0, 4)).shape == (0, 4)
    assert gelu(randn(0)).shape == (0,)
    assert embedding(torch.empty(2, 0, dtype=torch.int64, device=DEVICE), randn(3, 4)).shape == (
        2,
        0,
        4,
    )


def test_positions_by_batch() -> None:
    x = randn(2, 3, 7, 8)
    places = torch.stack([torch.arange(7), torch.arange(7) + 5]).to(DEVICE)
    found = rope(x, places)
    for b in range(2):
        close(found[b : b + 1], rope(x[b : b + 1], places[b]))


def test_a_merge_can_be_differentiated_in_its_log_sum_exps() -> None:
    o1, o2, a, b = randn(4, 6), randn(4, 6, seed=1), randn(4, seed=2), randn(4, seed=3)
    weight = torch.sigmoid(a - b)[:, None]
    wanted = (o1 * weight + o2 * (1 - weight)).sin().sum() + torch.logaddexp(a, b).cos().sum()
    o, lse = attention_merge(o1, a, o2, b)
    found = o.sin().sum() + lse.cos().sum()
    inputs = (o1, o2, a, b)
    close_all(torch.autograd.grad(found, inputs), torch.autograd.grad(wanted, inputs))


Q, I64 = (
    torch.zeros(1, 2, 4, 16, device=DEVICE),
    torch.zeros(1, 4, dtype=torch.int64, device=DEVICE),
)
WIDE, X = torch.zeros(1, 1, 4, 300, device=DEVICE), torch.zeros(2, 8, device=DEVICE)
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "float64": (lambda: softmax(X.double()), r"x\.dtype=torch\.float64; expected float32"),
    "mixed dtypes": (
        lambda: attention(Q, Q.half(), Q),
        r"k\.dtype=torch\.float16; expected torch\.float32",
    ),
    "no dimension": (lambda: softmax(X[0, 0]), r"x\.dim\(\)=0"),
    "gain": (lambda: rms_norm(X, X[0, :4]), r"gamma\.shape=\(4,\); expected \(8\)"),
    "shift": (lambda: layer_norm(X, X[0], X), r"beta\.shape=\(2, 8\)"),
    "heads": (lambda: attention(Q[:, :1], Q, Q), r"expected K=2 to divide H=1"),
    "head size": (lambda: attention(WIDE, WIDE, WIDE), "expected D and Dv from 1 to 256"),
    "dimensions": (lambda: attention(X, X, X), "expected four dimensions"),
    "window": (lambda: attention(Q, Q, Q, window=0), "window=0; expected at least 1"),
    "softcap": (
        lambda: attention(Q, Q, Q, softcap=-1.0),
        "softcap=-1.0; expected a positive number",
    ),
    "mask dtype": (lambda: attention(Q, Q, Q, mask=Q[0, 0, :, :4]), r"mask\.dtype=torch\.float32"),
    "mask shape": (lambda: attention(Q, Q, Q, mask=X.bool()), r"mask\.shape=\(2, 8\); expected"),
    "bias dtype": (lambda: attention(Q, Q, Q, bias=I64), r"bias\.dtype=torch\.int64"),
    "sinks": (lambda: attention(Q, Q, Q, sinks=X[0]), r"sinks\.shape=\(8,\); expected \(2,\)"),
    "lengths dtype": (
        lambda: decode_attention(Q[:, :, :1], Q, Q, X[0]),
        r"lengths\.dtype=torch\.float32",
    ),
    "several queries": (lambda: decode_attention(Q, Q, Q, I64[0, :1]), r"q\.shape=\(1, 2, 4, 16\)"),
    "block": (
        lambda: block_sparse_attention(Q, Q, Q, X.bool(), block_size=3),
        "block_size=3; expected a positive divisor",
    ),
    "block mask": (
        lambda: block_sparse_attention(Q, Q, Q, X.bool(), block_size=2),
        r"expected bool\(2, 2\)",
    ),
    "approximate": (
        lambda: gelu(X, approximate="erf"),
        "approximate='erf'; expected 'none' or 'tanh'",
    ),
    "activation": (
        lambda: glu_feed_forward(X, X.T, X.T, X, activation="tanh"),
        "activation='tanh'; expected one of",
    ),
    "weights": (lambda: glu_feed_forward(X, X, X, X), r"W\.shape=\(2, 8\); expected \(8, any\)"),
    "odd rotary_dim": (
        lambda: rope(Q, I64[0], rotary_dim=3),
        "rotary_dim=3; expected an even number",
    ),
    "positions": (
        lambda: rope(Q, I64[0, :2]),
        r"positions\.shape=\(2,\); expected \(L,\) or \(B, L\)",
    ),
    "base": (lambda: rope(Q, I64[0], base=0.0), "base=0.0, scaling=1.0; expected positive"),
    "table": (lambda: embedding(I64, X[0]), r"table\.shape=\(8,\); expected \(V, E\)"),
    "tokens dtype": (lambda: embedding(X, X), r"tokens\.dtype=torch\.float32; expected int64"),
    "logits": (lambda: language_model_loss(X, I64), r"expected \(B, L, V\) and \(B, L\)"),
    "lengths differ": (lambda: linear_attention(Q, Q[:, :, :2], Q), r"k\.shape=\(1, 2, 2, 16\)"),
    "parts": (lambda: attention_merge(X, X[:, 0], X[:, :4], X[:, 0]), r"o2\.shape=\(2, 4\)"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_wrong_arguments_are_refused(what: str) -> None:
    call, message = REFUSED[what]
    with pytest.raises(ValueError, match=message):
        call()


def test_a_state_too_wide_for_the_registers_is_refused_as_not_taken() -> None:
    with pytest.raises(NotImplementedError, match="D=300, Dv=300; at most 128"):
        linear_attention(WIDE, WIDE, WIDE)


@pytest.mark.skipif(DEVICE != "cpu", reason="a GPU asserts this on the device")
def test_unknown_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tokens from -1 to 2; expected 0 to 1 \(V=2\)"):
        embedding(torch.tensor([-1, 2]), X)
