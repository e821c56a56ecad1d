"""A small vision transformer encoder; registers and visual prompts that ride along in it."""

from collections.abc import Iterator

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._attend import attend
from conform_reference.feed_forward import gelu
from conform_reference.norm import layer_norm
from conform_reference.rounding import mark

EPS = 1e-6
Layer = tuple[Tensor, Tensor, Tensor, Tensor]


def _layers(x: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor) -> Iterator[Layer]:
    """The weights layer by layer, in the common compute dtype; ValueError when they do not fit."""
    _check.rank("x", x, "B T E")
    _check.rank("Wqkv", Wqkv, "S E 3E")
    _check.rank("W1", W1, "S E F")
    S, E, F = Wqkv.shape[0], x.shape[2], W1.shape[2]
    wanted = {"Wqkv": (S, E, 3 * E), "Wo": (S, E, E), "W1": (S, E, F), "W2": (S, F, E)}
    given = {"Wqkv": Wqkv, "Wo": Wo, "W1": W1, "W2": W2}
    for name, shape in wanted.items():
        if tuple(given[name].shape) != shape:
            raise ValueError(f"{name}.shape={tuple(given[name].shape)}: expected {shape}")
    dtype = _check.compute_dtype(x, Wqkv, Wo, W1, W2)
    return zip(*(weight.to(dtype).unbind(0) for weight in given.values()), strict=True)


def _normed(x: Tensor) -> Tensor:
    ones, zeros = torch.ones(x.shape[-1], dtype=x.dtype), torch.zeros(x.shape[-1], dtype=x.dtype)
    return mark("normed", layer_norm(x, ones, zeros, eps=EPS))


def _self_attention(x: Tensor, Wqkv: Tensor, Wo: Tensor, heads: int) -> Tensor:
    B, T, E = x.shape
    parts = mark("qkv", x @ Wqkv).split(E, -1)
    q, k, v = (part.reshape(B, T, heads, E // heads).transpose(1, 2) for part in parts)
    each = attend(q, k, v, visible=torch.ones(B, heads, T, T, dtype=torch.bool))[0]
    return mark("branch", mark("heads", each).transpose(1, 2).reshape(B, T, E) @ Wo)


def _layer(x: Tensor, layer: Layer, heads: int) -> Tensor:
    """x + MHA(LN x), then + GELU(LN x W1) W2."""
    Wqkv, Wo, W1, W2 = layer
    x = mark("stream", x + _self_attention(_normed(x), Wqkv, Wo, heads))
    hidden = mark("activation", gelu(mark("hidden", _normed(x) @ W1)))
    return mark("stream", x + mark("branch", hidden @ W2))


def _check_heads(heads: int, width: int) -> None:
    _check.at_least("heads", heads, 1)
    _check.divides("heads", heads, "E", width)


def vit_encoder(
    x: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int
) -> Tensor:
    """S pre-norm layers over tokens x[B,T,E], every token seeing every token -> [B,T,E].

    Each layer: x + MHA(LN(x)), then x + GELU(LN(x) W1) W2. Wqkv[S,E,3E] (queries, keys, values),
    Wo[S,E,E], W1[S,E,F], W2[S,F,E]; no biases; LN without gain and shift, eps 1e-6; no norm at the
    end. Raises ValueError for shapes that do not fit. Source: arXiv:2010.11929, eq. 2 and 3.
    """
    layers = _layers(x, Wqkv, Wo, W1, W2)
    _check_heads(heads, x.shape[2])
    y = x.to(_check.compute_dtype(x, Wqkv, Wo, W1, W2))
    for layer in layers:
        y = _layer(y, layer, heads)
    return y.to(x.dtype)


def register_encoder(
    x: Tensor, registers: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int
) -> Tensor:
    """`vit_encoder` over x[B,T,E] and registers[R,E], whose outputs are dropped -> [B,T,E].

    The registers join before the first layer, get no position, and are read by nobody at the end.
    Raises ValueError for shapes that do not fit. Source: Darcet et al. 2024, arXiv:2309.16588,
    section 2.2; prompts of the shallow kind (arXiv:2203.12119, eq. 4 and 5) take the same way.
    """
    _check.rank("registers", registers, "R E")
    _check.rank("x", x, "B T E")
    _check.same("width", "registers.shape[1]", registers.shape[1], "E", x.shape[2])
    layers = _layers(x, Wqkv, Wo, W1, W2)
    _check_heads(heads, x.shape[2])
    dtype = _check.compute_dtype(x, registers, Wqkv, Wo, W1, W2)
    joined = torch.cat([x.to(dtype), registers.to(dtype).expand(x.shape[0], -1, -1)], 1)
    for layer in layers:
        joined = _layer(joined, layer, heads)
    return joined[:, : x.shape[1]].to(x.dtype)


def vpt_deep_encoder(
    x: Tensor, prompts: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int
) -> Tensor:
    """`vit_encoder` over x[B,T,E] with prompts[S,P,E] of its own for every layer -> [B,T,E].

    Layer s sees the tokens and prompts[s]; what it makes of the prompts is thrown away, so that
    the length stays T + P. Raises ValueError for shapes that do not fit.
    Source: Jia et al. 2022 (VPT-deep), arXiv:2203.12119, eq. 6 and 7.
    """
    _check.rank("prompts", prompts, "S P E")
    _check.rank("x", x, "B T E")
    _check.same("number of layers", "prompts.shape[0]", prompts.shape[0], "S", Wqkv.shape[0])
    _check.same("width", "prompts.shape[2]", prompts.shape[2], "E", x.shape[2])
    layers = _layers(x, Wqkv, Wo, W1, W2)
    _check_heads(heads, x.shape[2])
    dtype = _check.compute_dtype(x, prompts, Wqkv, Wo, W1, W2)
    y = x.to(dtype)
    for layer, prompt in zip(layers, prompts.to(dtype).unbind(0), strict=True):
        joined = torch.cat([y, prompt.expand(x.shape[0], -1, -1)], 1)
        y = _layer(joined, layer, heads)[:, : x.shape[1]]
    return y.to(x.dtype)
