"""Mistakes in vision encoders, and in how registers and prompts ride along."""

import torch
from torch import Tensor

from conform_reference import vision as right
from conform_reference._attend import attend
from conform_reference.feed_forward import gelu


def _norm(x: Tensor) -> Tensor:
    return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=1e-6)


def _attention(x: Tensor, Wqkv: Tensor, Wo: Tensor, heads: int, kind: str) -> Tensor:
    B, T, E = x.shape
    q, k, v = (p.reshape(B, T, heads, E // heads).transpose(1, 2) for p in (x @ Wqkv).split(E, -1))
    distance = torch.arange(T).unsqueeze(1) - torch.arange(T)
    visible = torch.ones(T, T, dtype=torch.bool)
    if kind == "causal":
        visible = distance >= 0
    if kind == "neighbours":
        visible = distance.abs() <= 1
    o = attend(q, k, v, visible=visible.expand(B, heads, T, T))[0]
    return o.transpose(1, 2).reshape(B, T, E) @ Wo


def _encoder(
    kind: str, x: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, heads: int
) -> Tensor:
    right.vit_encoder(x, Wqkv, Wo, W1, W2, heads=heads)
    form = "tanh" if kind == "tanh" else "none"
    for layer in range(len(Wqkv)):
        Wa, Wb, Wc, Wd = Wqkv[layer], Wo[layer], W1[layer], W2[layer]
        if kind == "post-norm":
            x = _norm(x + _attention(x, Wa, Wb, heads, kind))
            x = _norm(x + gelu(x @ Wc) @ Wd)
            continue
        branch = _attention(_norm(x), Wa, Wb, heads, kind)
        x = branch if kind == "no residual" else x + branch
        x = x + gelu(_norm(x) @ Wc, approximate=form) @ Wd
    return x


def causal(x: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int) -> Tensor:
    """The mask of a language model."""
    return _encoder("causal", x, Wqkv, Wo, W1, W2, heads)


def post_norm(x: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int) -> Tensor:
    """The order of the first transformer."""
    return _encoder("post-norm", x, Wqkv, Wo, W1, W2, heads)


def no_attention_residual(
    x: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int
) -> Tensor:
    """The stream is replaced by the attention's output."""
    return _encoder("no residual", x, Wqkv, Wo, W1, W2, heads)


def neighbours_only(
    x: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int
) -> Tensor:
    """A band of width three."""
    return _encoder("neighbours", x, Wqkv, Wo, W1, W2, heads)


def gelu_tanh(x: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int) -> Tensor:
    """An approximation that is right to about 1e-3."""
    return _encoder("tanh", x, Wqkv, Wo, W1, W2, heads)


def registers_kept(
    x: Tensor, registers: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int
) -> Tensor:
    """The last T rows are cut out, where the registers stand."""
    right.register_encoder(x, registers, Wqkv, Wo, W1, W2, heads=heads)
    joined = torch.cat([x, registers.expand(len(x), -1, -1)], 1)
    return right.vit_encoder(joined, Wqkv, Wo, W1, W2, heads=heads)[:, len(registers) :]


def registers_renewed(
    x: Tensor, registers: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int
) -> Tensor:
    """Every layer sees the registers as they were in the beginning."""
    prompts = registers.expand(len(Wqkv), -1, -1)
    return right.vpt_deep_encoder(x, prompts, Wqkv, Wo, W1, W2, heads=heads)


def registers_in_first_layer_only(
    x: Tensor, registers: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int
) -> Tensor:
    """Later layers run without registers."""
    y = right.register_encoder(x, registers, Wqkv[:1], Wo[:1], W1[:1], W2[:1], heads=heads)
    if len(Wqkv) == 1:
        return y
    return right.vit_encoder(y, Wqkv[1:], Wo[1:], W1[1:], W2[1:], heads=heads)


def registers_by_image(
    x: Tensor, registers: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int
) -> Tensor:
    """Image b gets its registers times 1 + b."""
    each = [
        right.register_encoder(x[b : b + 1], registers * (1 + b), Wqkv, Wo, W1, W2, heads=heads)
        for b in range(len(x))
    ]
    return torch.cat(each)


def prompts_appended(
    x: Tensor, prompts: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int
) -> Tensor:
    """The old prompts stay."""
    right.vpt_deep_encoder(x, prompts, Wqkv, Wo, W1, W2, heads=heads)
    y = x
    for i, prompt in enumerate(prompts):
        y, layer = torch.cat([y, prompt.expand(len(x), -1, -1)], 1), slice(i, i + 1)
        y = right.vit_encoder(y, Wqkv[layer], Wo[layer], W1[layer], W2[layer], heads=heads)
    return y[:, : x.shape[1]]


def prompts_added(
    x: Tensor, prompts: Tensor, Wqkv: Tensor, Wo: Tensor, W1: Tensor, W2: Tensor, *, heads: int
) -> Tensor:
    """Where the old prompts have got to, the new ones are added."""
    right.vpt_deep_encoder(x, prompts, Wqkv, Wo, W1, W2, heads=heads)
    T = x.shape[1]
    y = torch.cat([x, torch.zeros_like(prompts[0]).expand(len(x), -1, -1)], 1)
    for i, prompt in enumerate(prompts):
        y, layer = torch.cat([y[:, :T], y[:, T:] + prompt], 1), slice(i, i + 1)
        y = right.vit_encoder(y, Wqkv[layer], Wo[layer], W1[layer], W2[layer], heads=heads)
    return y[:, :T]
