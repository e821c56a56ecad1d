"""Attention among similar tokens: Reformer's hashing and reversible blocks, SMYRF's clusters."""

from collections.abc import Callable

import torch
from torch import Tensor

from conform_reference import _attend, _check
from conform_reference._scores import rounding_error
from conform_reference.rounding import decide, injected, mark


def lsh_buckets(x: Tensor, R: Tensor) -> Tensor:
    """argmax of [x R, -x R]: x[...,L,D], R[D,n] -> int64[...,L] in [0, 2n).

    An angular hash: the nearest of the 2n directions. Raises ValueError for widths that differ.
    Source: Kitaev et al. 2020 (Reformer), arXiv:2001.04451, section 2.
    """
    _check.rank("R", R, "D n")
    _check.same("width", "x.shape[-1]", x.shape[-1], "R.shape[0]", R.shape[0])
    dtype = _check.compute_dtype(x, R)
    rotated = mark("rotated", x.to(dtype) @ R.to(dtype))
    return decide("bucket", torch.cat([rotated, -rotated], -1), 1).squeeze(-1)


def shared_qk_attention(qk: Tensor, v: Tensor, buckets: Tensor, *, causal: bool = False) -> Tensor:
    """Attention of Reformer within buckets: qk[B,H,L,D], v[B,H,L,Dv], buckets int[B,H,L].

    Queries are qk, keys are qk of length one; score q . k / sqrt(D). Token i sees the tokens of its
    bucket (j <= i when causal), itself only where it sees no other. -> [B,H,L,Dv]. Raises
    ValueError for shapes that do not fit. Source: arXiv:2001.04451, section 2; one round, no
    chunks.
    """
    _attend.check_inputs(qk, qk, v)
    if buckets.shape != qk.shape[:3]:
        raise ValueError(f"buckets.shape={tuple(buckets.shape)}: expected {tuple(qk.shape[:3])}")
    dtype, L = _check.compute_dtype(qk, v), qk.shape[2]
    q = qk.to(dtype)
    square = (q * q).sum(-1, keepdim=True)
    length = torch.sqrt(torch.where(square > 0, square, 1.0))
    k = mark("key", q / mark("length", length))
    same = buckets.unsqueeze(-1) == buckets.unsqueeze(-2)
    at = torch.arange(L, device=qk.device)
    seen = same & ((at <= at.unsqueeze(1)) | (not causal))
    own = at == at.unsqueeze(1)
    others = seen & ~own
    visible = others | (own & ~others.any(-1, keepdim=True))
    return _attend.attend(q, k, v, visible=visible)[0].to(qk.dtype)


Map = Callable[[Tensor], Tensor]


def reversible_block(x1: Tensor, x2: Tensor, f: Map, g: Map) -> tuple[Tensor, Tensor]:
    """y1 = x1 + f(x2), y2 = x2 + g(y1): x1, x2[...,E] -> (y1, y2).

    Raises ValueError for shapes that differ. Source: Gomez et al. 2017, arXiv:1707.04585, eq. 3;
    Reformer has attention for f and the feed-forward for g.
    """
    dtype = _pair(x1, x2)
    first, second = x1.to(dtype), x2.to(dtype)
    step = f(second)
    if injected():
        step = _learnt_from_results(step, second, f, g(first + step).detach())
    y1 = mark("first", first + mark("branch", step))
    return y1.to(x1.dtype), (second + mark("branch", g(y1))).to(x2.dtype)


def _learnt_from_results(step: Tensor, x2: Tensor, f: Map, back: Tensor) -> Tensor:
    """step = f(x2), whose gradient is taken where a backward pass that keeps results finds x2.

    That is y2 - g(y1) with y2 as it was stored: off by what rounding y2 and g(y1) = `back` lost.
    """
    lost = rounding_error("rebuilt", x2.detach() + back) + rounding_error("rebuilt", back)
    again = f(x2 + lost)
    return again + (step - again).detach()


def reversible_inverse(y1: Tensor, y2: Tensor, f: Map, g: Map) -> tuple[Tensor, Tensor]:
    """x2 = y2 - g(y1), x1 = y1 - f(x2): the inputs of reversible_block from its results.

    Raises ValueError for shapes that differ. Source: arXiv:1707.04585, eq. 4.
    """
    dtype = _pair(y1, y2)
    x2 = mark("second", y2.to(dtype) - mark("branch", g(y1.to(dtype))))
    return (y1.to(dtype) - mark("branch", f(x2))).to(y1.dtype), x2.to(y2.dtype)


def _pair(a: Tensor, b: Tensor) -> torch.dtype:
    if a.shape != b.shape:
        raise ValueError(
            f"shapes {tuple(a.shape)} and {tuple(b.shape)}: expected two halves of one shape"
        )
    return _check.compute_dtype(a, b)


def smyrf_transform(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """F(q) = [q, 0, a], G(k) = [k, b, 0]: q[...,Lq,D], k[...,Lk,D] -> [...,Lq,D+2], [...,Lk,D+2].

    a^2 = Mq^2 + Mk^2 - |q|^2, b^2 = Mq^2 + Mk^2 - |k|^2 with the largest norms Mq, Mk of each set:
    all vectors get one length and |F(q) - G(k)|^2 falls as q . k rises. Raises ValueError for
    widths that differ. Source: Daras et al. 2020 (SMYRF), arXiv:2010.05315, section 3.2.
    """
    _check.same("width", "q.shape[-1]", q.shape[-1], "k.shape[-1]", k.shape[-1])
    _check.not_empty("Lq", q.shape[-2])
    _check.not_empty("Lk", k.shape[-2])
    dtype = _check.compute_dtype(q, k)
    # Their gradients are added up from several parts, one after the other.
    query, key = (mark("backward.partial", x.to(dtype)) for x in (q, k))
    square_q, square_k = _square(query), _square(key)
    most = mark("most", square_q.amax(-2, keepdim=True) + square_k.amax(-2, keepdim=True))
    fill_q = torch.sqrt(torch.clamp(mark("rest", most - square_q), min=0.0))
    fill_k = torch.sqrt(torch.clamp(mark("rest", most - square_k), min=0.0))
    F = torch.cat([query, torch.zeros_like(fill_q), fill_q], -1)
    return F.to(q.dtype), torch.cat([key, fill_k, torch.zeros_like(fill_k)], -1).to(k.dtype)


def _square(x: Tensor) -> Tensor:
    """|x|^2 over the last dimension, which may be the square of a norm that was stored."""
    one, other = (mark("backward.partial", x) for _ in range(2))
    exact = (one * other).sum(-1, keepdim=True)
    norm = torch.sqrt(exact).detach()
    return mark("square", exact + (mark("norm", norm) ** 2 - norm**2))


def clustered_attention(
    q: Tensor, k: Tensor, v: Tensor, query_order: Tensor, key_order: Tensor, *, clusters: int
) -> Tensor:
    """Attention within clusters of equal size: q[B,H,Lq,D], k[B,H,Lk,D], v[B,H,Lk,Dv] ->
    [B,H,Lq,Dv].

    query_order int[Lq] and key_order int[Lk] list the tokens cluster by cluster: the first Lq /
    clusters queries attend to the first Lk / clusters keys, and so on. The results stand in the
    queries' own order. Raises ValueError for clusters that do not divide. Source:
    arXiv:2010.05315, section 3.
    """
    _attend.check_inputs(q, k, v)
    Lq, Lk = q.shape[2], k.shape[2]
    _check.at_least("clusters", clusters, 1)
    _check.divides("clusters", clusters, "Lq", Lq)
    _check.divides("clusters", clusters, "Lk", Lk)
    _check.same("length", "query_order.shape[0]", query_order.shape[0], "q.shape[2]", Lq)
    _check.same("length", "key_order.shape[0]", key_order.shape[0], "k.shape[2]", Lk)
    of_query = torch.argsort(query_order) // (Lq // clusters)
    of_key = torch.argsort(key_order) // (Lk // clusters)
    visible = (of_query.unsqueeze(1) == of_key).expand(*q.shape[:3], Lk)
    return _attend.attend(q, k, v, visible=visible)[0].to(q.dtype)
