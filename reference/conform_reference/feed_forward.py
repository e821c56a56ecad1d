"""Activations and the feed-forward blocks built from them."""

import difflib
import math
from collections.abc import Callable

import torch
from torch import Tensor

from conform_reference import _saved
from conform_reference._check import compute_dtype
from conform_reference.rounding import mark


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        close = difflib.get_close_matches(str(value), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"use {known[0]!r}, for example"
        raise ValueError(f"{name}={value!r}: expected one of {', '.join(known)}; {hint}")


def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """x Phi(x), Phi the standard normal distribution function; shape and dtype of x.

    approximate="tanh": 0.5 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) in the place of Phi.
    Raises ValueError for another `approximate`. Source: Hendrycks and Gimpel 2016.
    """
    _one_of("approximate", approximate, ("none", "tanh"))
    y = x.to(compute_dtype(x))
    if approximate == "tanh":
        cube = mark("inner", mark("inner", y * y) * y)
        inner = mark(
            "inner", math.sqrt(2 / math.pi) * mark("inner", y + mark("inner", 0.044715 * cube))
        )
        curve = _saved.tanh("curve", inner)
    else:
        inner = mark("inner", y * math.sqrt(0.5))
        curve = mark("curve", torch.erf(inner))
    # Half of a subnormal number is rounded, too.
    return (mark("gate", 0.5 * y) * mark("gate", 1 + curve)).to(x.dtype)


def swish(x: Tensor, *, beta: float = 1.0) -> Tensor:
    """x sigmoid(beta x); shape and dtype of x. beta = 1 is SiLU.

    Source: Ramachandran et al. 2017, arXiv:1710.05941 (the MIT slide cites 2020).
    """
    y = x.to(compute_dtype(x))
    exact = math.frexp(beta)[0] in (0.0, 0.5, -0.5)  # 0 and powers of two
    inner = mark("backward.inner" if exact else "inner", y * beta)
    gate = _saved.sigmoid("gate", inner)
    return (mark("backward.product", y) * gate).to(x.dtype)


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "gelu": gelu,
    "gelu_tanh": lambda x: gelu(x, approximate="tanh"),
    "swish": swish,
    "sigmoid": lambda x: _saved.sigmoid("gate", x),
    "identity": lambda x: x,
}


def _activate(name: str, x: Tensor) -> Tensor:
    _one_of("activation", name, tuple(_ACTIVATIONS))
    return mark("activation", _ACTIVATIONS[name](x))


def _fits(name: str, x: Tensor, shape: tuple[int, ...], layout: str) -> None:
    if tuple(x.shape) != shape:
        raise ValueError(
            f"{name}.shape={tuple(x.shape)}: expected {shape} ({layout}); weights are [in, out], "
            f"transpose {name} if it is stored [out, in]"
        )


def _widths(x: Tensor, W: Tensor, name: str) -> tuple[int, int]:
    if W.dim() != 2 or x.dim() < 1 or x.shape[-1] != W.shape[0]:
        raise ValueError(
            f"x.shape={tuple(x.shape)}, {name}.shape={tuple(W.shape)}: expected x [..., E] and "
            f"{name} [E, F]; transpose {name} if it is stored [F, E]"
        )
    return W.shape[0], W.shape[1]


def feed_forward(
    x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, activation: str = "relu"
) -> Tensor:
    """act(x W1 + b1) W2 + b2 for x[..., E], W1[E, F], b1[F], W2[F, E], b2[E] -> [..., E].

    Raises ValueError for weights that do not fit or an unknown activation.
    Source: Vaswani et al. 2017, eq. 2.
    """
    width, hidden = _widths(x, W1, "W1")
    _fits("b1", b1, (hidden,), "F")
    _fits("W2", W2, (hidden, width), "F E")
    _fits("b2", b2, (width,), "E")
    dtype = compute_dtype(x, W1, b1, W2, b2)
    up = mark("product", torch.matmul(x.to(dtype), W1.to(dtype)))
    inner = _activate(activation, mark("preactivation", up + b1.to(dtype)))
    down = mark("product", torch.matmul(inner, W2.to(dtype)))
    return (down + b2.to(dtype)).to(x.dtype)


def glu_feed_forward(
    x: Tensor, W: Tensor, V: Tensor, W2: Tensor, *, activation: str = "swish"
) -> Tensor:
    """(act(x W) * (x V)) W2 for x[..., E], W[E, F], V[E, F], W2[F, E] -> [..., E], no biases.

    sigmoid is GLU, identity Bilinear, relu ReGLU, gelu GEGLU, swish SwiGLU.
    Raises ValueError for weights that do not fit or an unknown activation.
    Source: Shazeer 2020, arXiv:2002.05202, eqs. 5 and 6.
    """
    width, hidden = _widths(x, W, "W")
    _fits("V", V, (width, hidden), "E F")
    _fits("W2", W2, (hidden, width), "F E")
    dtype = compute_dtype(x, W, V, W2)
    y = x.to(dtype)
    gate = _activate(activation, mark("product", torch.matmul(y, W.to(dtype))))
    value = mark("product", torch.matmul(y, V.to(dtype)))
    return torch.matmul(mark("gated", gate * value), W2.to(dtype)).to(x.dtype)
