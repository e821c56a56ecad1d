"""Activations and their derivatives, in float32, for use inside kernels."""

from __future__ import annotations

import triton
import triton.language as tl

ACTIVATIONS = ("identity", "relu", "sigmoid", "swish", "gelu", "gelu_tanh")


@triton.jit
def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow on either side."""
    e = tl.exp(-tl.abs(x))
    return tl.where(x >= 0, 1.0, e) / (1.0 + e)


@triton.jit
def activate(x, beta, KIND: tl.constexpr):
    """KIND of x, element by element; swish is x sigmoid(beta x)."""
    if KIND == "relu":
        # Not maximum(x, 0): that would swallow NaN.
        y = tl.where(x < 0, 0.0, x)
    elif KIND == "sigmoid":
        y = sigmoid(x)
    elif KIND == "swish":
        y = x * sigmoid(beta * x)
    elif KIND == "gelu":
        y = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    elif KIND == "gelu_tanh":
        # 0.5 (1 + tanh u) = sigmoid(2 u)
        y = x * sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))
    else:
        y = x
    return y


@triton.jit
def slope(x, beta, KIND: tl.constexpr):
    """The derivative of `activate` at x; 0 at relu's kink."""
    if KIND == "relu":
        d = tl.where(x > 0, 1.0, 0.0)
    elif KIND == "sigmoid":
        s = sigmoid(x)
        d = s * sigmoid(-x)
    elif KIND == "swish":
        s = sigmoid(beta * x)
        d = s * (1.0 + beta * x * sigmoid(-beta * x))
    elif KIND == "gelu":
        density = 0.3989422804014327 * tl.exp(-0.5 * x * x)
        d = 0.5 * (1.0 + tl.erf(x * 0.7071067811865476)) + x * density
    elif KIND == "gelu_tanh":
        u = 1.5957691216057308 * (x + 0.044715 * x * x * x)
        s = sigmoid(u)
        d = s + x * s * sigmoid(-u) * 1.5957691216057308 * (1.0 + 0.134145 * x * x)
    else:
        d = tl.full(x.shape, 1.0, tl.float32)
    return d
