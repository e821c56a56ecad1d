"""Stacks with relative positions: LLaMA, attention of T5, and a stack of sliding windows."""

import torch
from torch import Tensor

from conform_reference import _attend, _check
from conform_reference._masks import causal_mask, sliding_window_mask
from conform_reference._model_stacks import heads_attention, split_heads
from conform_reference.feed_forward import glu_feed_forward
from conform_reference.norm import rms_norm
from conform_reference.position import relative_position_bucket
from conform_reference.rounding import mark


def _normed(x: Tensor, gamma: Tensor) -> Tensor:
    return mark("norm_output", rms_norm(x, gamma, eps=1e-6))


def _rotated(x: Tensor, start: int) -> Tensor:
    """rope(x[B,H,L,D], start, start + 1, ...) on halves with base 10000.

    Its constants are made to follow x, so that a batch of noise samples is one evaluation.
    """
    _check.divides("2", 2, "D", x.shape[-1])
    some = x.sum((0, 1)) == 0
    half, at = x.shape[-1] // 2, torch.arange(start, start + x.shape[2]).to(x)
    pair = torch.arange(half).to(x)
    place = torch.where(some[:, :1], at.unsqueeze(1), at.unsqueeze(1))
    angle = place * torch.pow(1e4, -torch.where(some[:1, :half], pair, pair) / half)
    cos, sin = mark("cos", torch.cos(angle)), mark("sin", torch.sin(angle))
    a, b = x[..., :half], x[..., half:]
    first = mark("product", a * cos) - mark("product", b * sin)
    return torch.cat([first, mark("product", b * cos) + mark("product", a * sin)], -1)


def llama_decoder(
    tokens: Tensor, table: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor,
    Wgate: Tensor, Wup: Tensor, Wdown: Tensor, gamma: Tensor, head: Tensor,
    *, heads: int, kv_heads: int | None = None, start: int = 0,
) -> Tensor:  # fmt: skip
    """N layers of pre-RMS-norm, rotary grouped attention and SwiGLU: int[B,L] -> logits[B,L,V].

    table[V,E], head[E,V] (not tied), Wq[N,E,H*D], Wk, Wv[N,E,K*D], Wo[N,H*D,E], Wgate, Wup[N,E,F],
    Wdown[N,F,E], gamma[2N+1,E] in order of use. Positions are start, start + 1, ...; rope base
    10000 on halves, eps 1e-6, no biases. Raises ValueError for heads that do not fit.
    Source: Touvron et al. 2023, arXiv:2302.13971, section 2.2; grouped heads: arXiv:2307.09288.
    """
    _check.rank("tokens", tokens, "B L")
    _check.at_least("start", start, 0)
    kv_heads = heads if kv_heads is None else kv_heads
    _check.at_least("heads", heads, 1)
    _check.divides("kv_heads", kv_heads, "heads", heads)
    _check.not_empty("V", table.shape[0])
    dtype = _check.compute_dtype(table, Wq)
    visible = causal_mask(tokens.shape[1], tokens.shape[1]).to(tokens.device)
    y = mark("token_vectors", table.to(dtype)[tokens])
    for n in range(Wq.shape[0]):
        x = _normed(y, gamma[2 * n].to(dtype))
        q = split_heads(mark("query", x @ Wq[n].to(dtype)), heads)
        k = split_heads(mark("key", x @ Wk[n].to(dtype)), kv_heads)
        v = split_heads(mark("value", x @ Wv[n].to(dtype)), kv_heads)
        q, k = mark("rotated_query", _rotated(q, start)), mark("rotated_key", _rotated(k, start))
        see = visible.expand(*q.shape[:3], k.shape[2])
        each = mark("heads", _attend.attend(q, k, v, visible=see)[0]).transpose(1, 2).flatten(2)
        y = mark("residual", y + mark("attention_output", each @ Wo[n].to(dtype)))
        x = _normed(y, gamma[2 * n + 1].to(dtype))
        gated = glu_feed_forward(x, Wgate[n].to(dtype), Wup[n].to(dtype), Wdown[n].to(dtype))
        y = mark("residual", y + mark("ffn_output", gated))
    return (_normed(y, gamma[-1].to(dtype)) @ head.to(dtype)).to(table.dtype)


def t5_attention(
    x: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, table: Tensor,
    *, heads: int, causal: bool = False,
) -> Tensor:  # fmt: skip
    """Self-attention of T5: no scale, a learned bias by bucket of distance: x[B,L,E] -> [B,L,E].

    scores = q k^T + table[bucket(j - i)], table[32,H]; Wq, Wk, Wv[E,H*D], Wo[H*D,E]. An encoder
    (causal=False) has buckets for both directions, a decoder for the past alone (distance 128 at
    most). Raises ValueError for shapes that do not fit. Source: Raffel et al. 2020,
    arXiv:1910.10683, section 2.1.
    """
    _check.rank("x", x, "B L E")
    _check.same("number of heads", "table.shape[1]", table.shape[1], "heads", heads)
    dtype = _check.compute_dtype(x, Wq, table)
    y, L = x.to(dtype), x.shape[1]
    q, k, v = (
        split_heads(mark(name, y @ W.to(dtype)), heads)
        for name, W in (("query", Wq), ("key", Wk), ("value", Wv))
    )
    at = torch.arange(L, device=x.device)
    relative = at - at.unsqueeze(1)
    bucket = relative_position_bucket(relative, bidirectional=not causal, buckets=table.shape[0])
    bias = mark("bias", table.to(dtype)[bucket]).permute(2, 0, 1)
    visible = causal_mask(L, L).to(x.device) | (not causal)
    o = _attend.attend(q, k, v, visible=visible.expand(*q.shape[:3], L), bias=bias, scale=1.0)[0]
    return (mark("heads", o).transpose(1, 2).flatten(2) @ Wo.to(dtype)).to(x.dtype)


def sliding_window_stack(x: Tensor, attn: Tensor, *, window: int, heads: int = 1) -> Tensor:
    """N residual layers x + attention(x), each seeing `window` keys: x[B,L,E] -> [B,L,E].

    attn[N,4,E,E] are Wq, Wk, Wv, Wo; causal, the own position counts. Raises ValueError for
    window < 1 and for shapes that do not fit. Source: Jiang et al. 2023 (Mistral 7B),
    arXiv:2310.06825, section 2, whose nominal context N * window is N (window - 1) + 1 exactly.
    """
    _check.rank("x", x, "B L E")
    dtype = _check.compute_dtype(x, attn)
    visible = sliding_window_mask(x.shape[1], x.shape[1], window).to(x.device)
    y = x.to(dtype)
    for n in range(attn.shape[0]):
        y = mark("residual", y + heads_attention(y, y, attn[n].to(dtype), heads, visible))
    return y.to(x.dtype)
