"""Decoder blocks, and blocks with biases, that went wrong."""

import torch
from torch import Tensor

from conform_reference.attention import multi_head_attention
from conform_reference.block import biased_attention
from conform_reference.feed_forward import feed_forward
from conform_reference.norm import layer_norm


def _decode(
    x: Tensor, memory: Tensor, weights: tuple[Tensor, ...], heads: int, norm: str, activation: str,
    eps: float, *, order: str = "scf", causal: bool = True, cross: bool = False,
    normed: bool = False,
) -> Tensor:  # fmt: skip
    """Sublayers s(elf), c(ross), f(eed-forward) in `order`, each with the norm of its place."""
    encoded = layer_norm(memory, *weights[14:16], eps=eps) if normed else memory
    sublayers = {
        "s": lambda z: multi_head_attention(z, z, *weights[:4], heads=heads, causal=causal),
        "c": lambda z: multi_head_attention(z, encoded, *weights[4:8], heads=heads, causal=cross),
        "f": lambda z: feed_forward(z, *weights[8:12], activation=activation),
    }
    for n, name in enumerate(order):
        gamma, beta = weights[12 + 2 * n : 14 + 2 * n]
        if norm == "pre":
            x = x + sublayers[name](layer_norm(x, gamma, beta, eps=eps))
        else:
            x = layer_norm(x + sublayers[name](x), gamma, beta, eps=eps)
    return x


def decoder_cross_first(
    x: Tensor, memory: Tensor, *weights: Tensor, heads: int, norm: str = "post",
    activation: str = "relu", eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """The memory is attended first."""
    return _decode(x, memory, weights, heads, norm, activation, eps, order="csf")


def decoder_not_causal(
    x: Tensor, memory: Tensor, *weights: Tensor, heads: int, norm: str = "post",
    activation: str = "relu", eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Self-attention without a mask."""
    return _decode(x, memory, weights, heads, norm, activation, eps, causal=False)


def decoder_cross_causal(
    x: Tensor, memory: Tensor, *weights: Tensor, heads: int, norm: str = "post",
    activation: str = "relu", eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Attention to the memory with a causal mask."""
    return _decode(x, memory, weights, heads, norm, activation, eps, cross=True)


def decoder_memory_normed(
    x: Tensor, memory: Tensor, *weights: Tensor, heads: int, norm: str = "post",
    activation: str = "relu", eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """The memory is normalised where its width allows."""
    fits = memory.shape[-1] == x.shape[-1]
    return _decode(x, memory if fits else 2 * memory, weights, heads, norm, activation, eps,
                   normed=fits)  # fmt: skip


def _biased(x: Tensor, weights: tuple[Tensor, ...], heads: int) -> tuple[Tensor, Tensor, Tensor]:
    parts = (x @ W + b for W, b in zip(weights[::2], weights[1::2], strict=True))
    q, k, v = (p.unflatten(-1, (heads, -1)).transpose(1, 2) for p in parts)
    return q, k, v


def _scores(q: Tensor, k: Tensor, causal: bool) -> Tensor:
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    hidden = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool).triu(1)
    return scores.masked_fill(hidden, -torch.inf) if causal else scores


def biased_first_key_without(
    x: Tensor, *weights: Tensor, heads: int, causal: bool = False
) -> Tensor:
    """The bias of the first key is missing, as where keys are padded after the projection."""
    q, k, v = _biased(x, weights, heads)
    bias = weights[3].unflatten(-1, (heads, -1)).unsqueeze(1)
    k = torch.cat([k[:, :, :1] - bias, k[:, :, 1:]], 2)
    o = torch.softmax(_scores(q, k, causal), -1) @ v
    return o.transpose(1, 2).flatten(2)


def biased_over_queries(x: Tensor, *weights: Tensor, heads: int, causal: bool = False) -> Tensor:
    """Softmax over the queries."""
    q, k, v = _biased(x, weights, heads)
    o = torch.softmax(_scores(q, k, causal), -2) @ v
    return o.transpose(1, 2).flatten(2)


def biased_heads_mean(x: Tensor, *weights: Tensor, heads: int, causal: bool = False) -> Tensor:
    """The mean over heads, repeated."""
    o = biased_attention(x, *weights, heads=heads, causal=causal).unflatten(-1, (heads, -1))
    return o.mean(-2, keepdim=True).expand_as(o).flatten(-2)


def _bert(x: Tensor, weights: tuple[Tensor, ...], heads: int, eps: float, kind: str) -> Tensor:
    h2 = biased_attention(x, *weights[:6], heads=heads) @ weights[6] + weights[7]
    h3 = layer_norm(h2 + x, *weights[8:10], eps=eps)
    activation = {"tanh": "gelu_tanh", "relu": "relu"}.get(kind, "gelu")
    if kind == "branch":
        h3 = x + layer_norm(h2, *weights[8:10], eps=eps)
        return h3 + layer_norm(feed_forward(h3, *weights[10:14], activation="gelu"),
                               *weights[14:], eps=eps)  # fmt: skip
    if kind == "pre":
        n = layer_norm(x, *weights[8:10], eps=eps)
        y = x + biased_attention(n, *weights[:6], heads=heads) @ weights[6] + weights[7]
        n = layer_norm(y, *weights[14:], eps=eps)
        return y + feed_forward(n, *weights[10:14], activation="gelu")
    h5 = feed_forward(h3, *weights[10:14], activation=activation)
    return layer_norm(h5 + (x if kind == "input" else h3), *weights[14:], eps=eps)


def bert_residual_from_input(x: Tensor, *weights: Tensor, heads: int, eps: float = 1e-12) -> Tensor:
    """LN(h5 + x)."""
    return _bert(x, weights, heads, eps, "input")


def bert_pre_norm(x: Tensor, *weights: Tensor, heads: int, eps: float = 1e-12) -> Tensor:
    """The norms before the sublayers."""
    return _bert(x, weights, heads, eps, "pre")


def bert_norm_of_branch(x: Tensor, *weights: Tensor, heads: int, eps: float = 1e-12) -> Tensor:
    """x + LN(branch)."""
    return _bert(x, weights, heads, eps, "branch")


def bert_tanh_gelu(x: Tensor, *weights: Tensor, heads: int, eps: float = 1e-12) -> Tensor:
    """The tanh form of gelu."""
    return _bert(x, weights, heads, eps, "tanh")


def bert_relu(x: Tensor, *weights: Tensor, heads: int, eps: float = 1e-12) -> Tensor:
    """ReLU for gelu."""
    return _bert(x, weights, heads, eps, "relu")
