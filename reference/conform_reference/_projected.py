"""Attention with its linear projections: single-head, cross and multi-head."""

import math

import torch
from torch import Tensor

from conform_reference import _attend, _check
from conform_reference._masks import visibility
from conform_reference._settings import settings
from conform_reference.rounding import another_order, injected, mark


def _projection(name: str, x: Tensor, weight_name: str, weight: Tensor) -> Tensor:
    """x[B,L,in] @ weight[in,out], marked `name`, in the common compute dtype."""
    _check.rank(weight_name, weight, "in out")
    _check.same(
        "width", f"{name} input width", x.shape[-1], f"{weight_name}.shape[0]", weight.shape[0]
    )
    dtype = _check.compute_dtype(x, weight)
    return mark(name, x.to(dtype) @ weight.to(dtype))


def _attend_heads(q: Tensor, k: Tensor, v: Tensor, causal: bool, *given: Tensor) -> Tensor:
    """attend() for q[B,H,Lq,D], k[B,K,Lk,D], v[B,K,Lk,Dv] with no option but causal.

    given: the tokens [B,Lq,E] and [B,Lk,M] that queries and keys were projected from.
    """
    _attend.check_inputs(q, k, v)
    visible = visibility(q.shape[2], k.shape[2], causal, None, q.device)
    visible = torch.broadcast_to(visible, (*q.shape[:3], k.shape[2]))
    lost = _overflowed(q, k, *given) if injected() else None
    return _attend.attend(q, k, v, visible=visible, overflowed=lost)[0]


def _overflowed(q: Tensor, k: Tensor, x: Tensor, memory: Tensor) -> Tensor:
    """Rows, bool[B,H,Lq,1], whose query or one of whose keys left the range when it was stored.

    Where masks are added, infinity beside a mask is NaN: also for a key that is hidden, and for a
    query that sees nothing.
    """
    lost_query, lost_key = (
        torch.isnan(p).any(-1, keepdim=True) & ~torch.isnan(tokens).any(-1)[:, None, :, None]
        for p, tokens in ((q, x), (k, memory))
    )
    any_key = _attend.expand_heads(lost_key, q.shape[1]).any(-2, keepdim=True)
    return lost_query | any_key


def _single_head(
    query: Tensor, key: Tensor, value: Tensor, x: Tensor, tokens: Tensor, Wv: Tensor, causal: bool
) -> Tensor:
    """query[B,Lq,D] from x[B,Lq,E], key[B,Lk,D] and value = tokens[B,Lk,M] Wv[M,Dv] -> [B,Lq,Dv].

    Tokens may be averaged before they are projected as well as after; then the roundoff of one
    projection, instead of the mean of many, is in the result.
    """
    q, k, v = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
    visible = visibility(q.shape[2], k.shape[2], causal, None, q.device)

    def averaged_first() -> Tensor:
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        weights = torch.softmax(torch.where(visible, scores, -math.inf), -1)
        return (weights @ tokens.to(value.dtype)) @ Wv.to(value.dtype)

    return another_order(_attend_heads(q, k, v, causal, x, tokens).squeeze(1), averaged_first)


def self_attention(
    x: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, *, causal: bool = False
) -> Tensor:
    """softmax(x Wq (x Wk)^T / sqrt(D)) x Wv: x[B,L,E], Wq, Wk[E,D], Wv[E,Dv] -> [B,L,Dv].

    Raises ValueError for shapes that do not fit. Source: arXiv:1706.03762, section 3.2.
    """
    _check.rank("x", x, "B L E")
    query, key = _projection("query", x, "Wq", Wq), _projection("key", x, "Wk", Wk)
    value = _projection("value", x, "Wv", Wv)
    return _single_head(query, key, value, x, x, Wv, causal).to(x.dtype)


def cross_attention(x: Tensor, memory: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor) -> Tensor:
    """Queries from x[B,Lq,E], keys and values from memory[B,Lk,M] -> [B,Lq,Dv].

    Wq[E,D], Wk[M,D], Wv[M,Dv]; every query sees all of memory. Raises ValueError for shapes that
    do not fit. Source: arXiv:1706.03762, section 3.2.3.
    """
    _check.rank("x", x, "B Lq E")
    _check.rank("memory", memory, "B Lk M")
    query, key = _projection("query", x, "Wq", Wq), _projection("key", memory, "Wk", Wk)
    value = _projection("value", memory, "Wv", Wv)
    return _single_head(query, key, value, x, memory, Wv, False).to(x.dtype)


def _split_heads(x: Tensor, name: str, heads: int) -> Tensor:
    """[B,L,heads*D] -> [B,heads,L,D]: each head owns a run of neighbouring channels."""
    B, L, width = x.shape
    _check.divides(name, heads, "projected width", width)
    return x.reshape(B, L, heads, width // heads).transpose(1, 2)


def multi_head_attention(
    x: Tensor,
    memory: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    *,
    heads: int,
    kv_heads: int | None = None,
    causal: bool = False,
) -> Tensor:
    """Concat of heads attention over projections, times Wo: x[B,Lq,E], memory[B,Lk,M] -> [B,Lq,E].

    Wq[E,H*D], Wk[M,K*D], Wv[M,K*D], Wo[H*D,E]; kv_heads=None means heads. Head h owns channels
    h*D to (h+1)*D and reads key/value head h // (H // K). Raises ValueError for shapes or head
    counts that do not fit. Source: arXiv:1706.03762, section 3.2.2; grouped: arXiv:2305.13245.
    """
    _check.rank("x", x, "B Lq E")
    _check.rank("memory", memory, "B Lk M")
    kv_heads = heads if kv_heads is None else kv_heads
    _check.at_least("heads", heads, 1)
    _check.divides("kv_heads", kv_heads, "heads", heads)
    query = _split_heads(_projection("query", x, "Wq", Wq), "heads", heads)
    key = _split_heads(_projection("key", memory, "Wk", Wk), "kv_heads", kv_heads)
    value = _split_heads(_projection("value", memory, "Wv", Wv), "kv_heads", kv_heads)
    each = mark("heads", _attend_heads(query, key, value, causal, x, memory))
    merged = each.transpose(1, 2).flatten(-2)
    _check.same("width", "Wo.shape[0]", Wo.shape[0], "heads * Dv", merged.shape[-1])
    return (merged @ Wo.to(merged.dtype)).to(x.dtype)


def mha_to_gqa(W: Tensor, *, heads: int, kv_heads: int) -> Tensor:
    """Mean over each group of heads: W[E,H*D] -> [E,kv_heads*D].

    Raises ValueError for head counts that do not divide. Source: Ainslie et al. 2023,
    arXiv:2305.13245, section 2.1.
    """
    _check.rank("W", W, "E H*D")
    _check.at_least("heads", heads, 1)
    _check.divides("heads", heads, "W.shape[1]", W.shape[1])
    _check.divides("kv_heads", kv_heads, "heads", heads)
    group, size = heads // kv_heads, W.shape[1] // heads
    weight = W.to(_check.compute_dtype(W))
    if settings().heads == "consecutive":
        pooled = weight.reshape(-1, kv_heads, group, size).sum(2) / group
    else:
        pooled = weight.reshape(-1, group, kv_heads, size).sum(1) / group
    return pooled.reshape(W.shape[0], kv_heads * size).to(W.dtype)
