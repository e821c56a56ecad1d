"""Blocks assembled wrongly: residuals, norms and sublayers in the wrong places."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from conform_reference.attention import multi_head_attention
from conform_reference.block import transformer_block
from conform_reference.feed_forward import feed_forward
from conform_reference.norm import layer_norm
from conform_reference.peft import adapter

Weights = tuple[Tensor, ...]
Norm = Callable[[Tensor], Tensor]


def _parts(
    weights: Weights, heads: int, causal: bool, activation: str, eps: float
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], Norm, Norm]:
    """(attention, feed-forward, first norm, second norm) of a block's twelve weights."""
    return (
        lambda z: multi_head_attention(z, z, *weights[:4], heads=heads, causal=causal),
        lambda z: feed_forward(z, *weights[4:8], activation=activation),
        lambda z: layer_norm(z, weights[8], weights[9], eps=eps),
        lambda z: layer_norm(z, weights[10], weights[11], eps=eps),
    )


def residual_from_normalised(
    x: Tensor, *weights: Tensor, heads: int, causal: bool = False, norm: str = "pre",
    activation: str = "relu", eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """n + f(n) with n = LN(x) where pre-norm is asked; LN(x) + f(x) in post-norm."""
    sa, ffn, ln1, ln2 = _parts(weights, heads, causal, activation, eps)
    if norm == "pre":
        y = ln1(x) + sa(ln1(x))
        return ln2(y) + ffn(ln2(y))
    y = ln1(x) + sa(x)
    return ln2(y) + ffn(y)


def residual_missing(
    x: Tensor, *weights: Tensor, heads: int, causal: bool = False, norm: str = "pre",
    activation: str = "relu", eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Attention replaces the stream."""
    sa, ffn, ln1, ln2 = _parts(weights, heads, causal, activation, eps)
    if norm == "pre":
        y = sa(ln1(x))
        return y + ffn(ln2(y))
    y = ln1(sa(x))
    return ln2(y + ffn(y))


def second_residual_from_input(
    x: Tensor, *weights: Tensor, heads: int, causal: bool = False, norm: str = "pre",
    activation: str = "relu", eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """x + f2(...) instead of y + f2(...)."""
    sa, ffn, ln1, ln2 = _parts(weights, heads, causal, activation, eps)
    if norm == "pre":
        return x + ffn(ln2(x + sa(ln1(x))))
    y = ln1(x + sa(x))
    return ln2(x + ffn(y))


def parallel_branches(
    x: Tensor, *weights: Tensor, heads: int, causal: bool = False, norm: str = "pre",
    activation: str = "relu", eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Both branches read the block's input."""
    sa, ffn, ln1, ln2 = _parts(weights, heads, causal, activation, eps)
    if norm == "pre":
        return x + sa(ln1(x)) + ffn(ln2(x))
    return ln2(ln1(x + sa(x)) + ffn(x))


def queries_normed_only(
    x: Tensor, *weights: Tensor, heads: int, causal: bool = False, norm: str = "pre",
    activation: str = "relu", eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """attention(LN(x), x, x) where pre-norm is asked."""
    if norm == "post":
        return transformer_block(
            x, *weights, heads=heads, causal=causal, norm=norm, activation=activation, eps=eps
        )
    _, ffn, ln1, ln2 = _parts(weights, heads, causal, activation, eps)
    y = x + multi_head_attention(ln1(x), x, *weights[:4], heads=heads, causal=causal)
    return y + ffn(ln2(y))


def batch_statistics(
    x: Tensor, *weights: Tensor, heads: int, causal: bool = False, norm: str = "pre",
    activation: str = "relu", eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Norms over batch and tokens instead of features."""
    sa, ffn, *_ = _parts(weights, heads, causal, activation, eps)

    def normed(z: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        centred = z - z.mean((0, 1))
        return centred * torch.rsqrt((centred * centred).mean((0, 1)) + eps) * gamma + beta

    if norm == "pre":
        y = x + sa(normed(x, *weights[8:10]))
        return y + ffn(normed(y, *weights[10:]))
    y = normed(x + sa(x), *weights[8:10])
    return normed(y + ffn(y), *weights[10:])


def _blocks(
    x: Tensor, weights: Weights, order: list[int], each: Callable[[Tensor], Tensor], **options: Any
) -> Tensor:
    for n in order:
        x = each(transformer_block(x, *(W[n] for W in weights[:12]), **options))
    return x


def stack_without_final_norm(x: Tensor, *weights: Tensor, **options: Any) -> Tensor:
    """The stream as it is."""
    return _blocks(x, weights, list(range(len(weights[0]))), lambda z: z, norm="pre", **options)


def _final(weights: Weights, options: dict[str, Any]) -> Norm:
    return lambda z: layer_norm(z, weights[12], weights[13], eps=options.get("eps", 1e-5))


def stack_norm_each(x: Tensor, *weights: Tensor, **options: Any) -> Tensor:
    """The last norm after each block."""
    each = _final(weights, options)
    return _blocks(x, weights, list(range(len(weights[0]))), each, norm="pre", **options)


def stack_reversed(x: Tensor, *weights: Tensor, **options: Any) -> Tensor:
    """From the last layer to the first."""
    order = list(range(len(weights[0])))[::-1]
    y = _blocks(x, weights, order, lambda z: z, norm="pre", **options)
    return _final(weights, options)(y)


def stack_one_short(x: Tensor, *weights: Tensor, **options: Any) -> Tensor:
    """One block too few."""
    order = list(range(len(weights[0]) - 1))
    y = _blocks(x, weights, order, lambda z: z, norm="pre", **options)
    return _final(weights, options)(y)


def stack_of_post_norm(x: Tensor, *weights: Tensor, **options: Any) -> Tensor:
    """Post-norm blocks under the last norm."""
    order = list(range(len(weights[0])))
    y = _blocks(x, weights, order, lambda z: z, norm="post", **options)
    return _final(weights, options)(y)


def adapter_after_residual(
    x: Tensor, *weights: Tensor, heads: int, activation: str = "relu", eps: float = 1e-5
) -> Tensor:
    """LN(Ad(x + SA(x)))."""
    sa, ffn, ln1, ln2 = _parts(weights[:12], heads, False, activation, eps)
    first, second = ([W[n] for W in weights[12:]] for n in range(2))
    y = ln1(adapter(x + sa(x), *first, activation=activation))
    return ln2(adapter(y + ffn(y), *second, activation=activation))


def adapter_after_norm(
    x: Tensor, *weights: Tensor, heads: int, activation: str = "relu", eps: float = 1e-5
) -> Tensor:
    """Ad(LN(x + SA(x)))."""
    sa, ffn, ln1, ln2 = _parts(weights[:12], heads, False, activation, eps)
    first, second = ([W[n] for W in weights[12:]] for n in range(2))
    y = adapter(ln1(x + sa(x)), *first, activation=activation)
    return adapter(ln2(y + ffn(y)), *second, activation=activation)


def adapter_without_skip(
    x: Tensor, *weights: Tensor, heads: int, activation: str = "relu", eps: float = 1e-5
) -> Tensor:
    """The bottleneck replaces the sublayer's output."""
    sa, ffn, ln1, ln2 = _parts(weights[:12], heads, False, activation, eps)
    first, second = ([W[n] for W in weights[12:]] for n in range(2))
    y = ln1(x + feed_forward(sa(x), *first, activation=activation))
    return ln2(y + feed_forward(ffn(y), *second, activation=activation))


def count_unchecked(*, width: int, feed_forward: int | None = None) -> int:
    """The count for any sizes."""
    hidden = 4 * width if feed_forward is None else feed_forward
    return 4 * width**2 + 4 * width + 2 * width * hidden + hidden + width + 4 * width
