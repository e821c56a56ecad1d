"""The attention family: one core (`_attend`) behind the contract's signatures."""

import math

import torch
from torch import Tensor

from conform_reference import _attend, _check
from conform_reference._masks import padding_mask, visibility
from conform_reference._settings import settings
from conform_reference.rounding import injected, mark


def attention_with_lse(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention and the logarithm of its denominator: (o[B,H,Lq,Dv], lse[B,H,Lq]).

    q[B,H,Lq,D], k[B,K,Lk,D], v[B,K,Lk,Dv], K divides H; mask (bool) and bias broadcast to
    [B,H,Lq,Lk]. s = softcap tanh(scale q.k / softcap) + bias over the visible keys,
    lse = log(sum exp(s) + exp(sink)), o = sum exp(s - lse) v. A row without visible keys gives
    zeros and, without sinks, lse = -inf. o has the dtype of q; lse is at least float32.
    Raises ValueError for shapes that do not fit, window < 1, softcap <= 0, a mask that is no bool.
    Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1; softcap: Gemma 2, arXiv:2408.00118;
    sinks: gpt-oss model card, arXiv:2508.10925.
    """
    _attend.check_inputs(q, k, v)
    visible = _attend.visible_keys(q, k, causal, window, mask)
    o, lse = _attend.attend(
        q, k, v, visible=visible, bias=bias, scale=scale, softcap=softcap, sinks=sinks
    )
    return o.to(q.dtype), lse


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> Tensor:
    """softmax(scale q k^T) v -> [B,H,Lq,Dv]; see `attention_with_lse` for shapes and errors."""
    return attention_with_lse(
        q,
        k,
        v,
        causal=causal,
        window=window,
        mask=mask,
        bias=bias,
        scale=scale,
        softcap=softcap,
        sinks=sinks,
    )[0]


def attention_weights(
    q: Tensor,
    k: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale q k^T + bias) over the visible keys -> [B,H,Lq,Lk], in the dtype of q.

    q[B,H,Lq,D], k[B,K,Lk,D]. Rows sum to one, or are zero where no key is visible.
    Raises ValueError as `attention_with_lse` does. Source: arXiv:1706.03762, eq. 1.
    """
    _attend.check_inputs(q, k, k)
    dtype = _check.compute_dtype(q, k)
    visible = _attend.visible_keys(q, k, causal, window, mask)
    keys = _attend.expand_heads(k, q.shape[1]).to(dtype)
    spoilt = _attend.beyond_range(q.to(dtype), keys)
    keys = torch.where(visible.any(-2).unsqueeze(-1), keys, 0.0)
    scores = _attend.logits(q.to(dtype), keys, bias=bias, scale=scale, softcap=None)
    partial = _attend.exponentiate(scores, visible, spoilt=spoilt)
    weights = _attend.normalise(
        partial.exponentials, partial, lambda: torch.full_like(scores, 1 / k.shape[2])
    )
    if injected():
        weights = weights + _undecided(weights, scores, visible)
    return weights.to(q.dtype)


def _undecided(weights: Tensor, scores: Tensor, visible: Tensor) -> Tensor:
    """What storing the scores may do to weights where the steps of their dtype are coarse.

    Two scores, each stored and stored again as logits, come out as much as four half steps closer
    than they are: seldom, so that samples mostly miss it, but then a weight is e^that larger.
    """
    if not scores.shape[-1]:
        return torch.zeros_like(weights)
    held = torch.where(visible, scores, 0.0).detach()
    error = mark("scores", held) - held
    step = error.abs().amax(-1, keepdim=True)
    coarse = visible & (4 * step > 1)
    behind = held - torch.where(visible, scores.detach(), -math.inf).amax(-1, keepdim=True)
    most = torch.exp(torch.clamp(torch.where(coarse, behind + 4 * step, 0.0), max=0.0))
    share = error / torch.where(coarse, step, 1.0)
    return torch.where(coarse, (most - weights.detach()) * share, 0.0)


def attention_varlen(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_q: Tensor,
    cu_k: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
) -> Tensor:
    """Packed sequences: q[T,H,D], k[S,K,D], v[S,K,Dv], offsets cu_q, cu_k: int[B+1] -> [T,H,Dv].

    Sequence b is rows cu_q[b]:cu_q[b+1] of q over rows cu_k[b]:cu_k[b+1] of k and v, each as by
    `attention`; causal and window count within the sequence. Either side may be empty.
    Raises ValueError for offsets that do not rise from 0 to T (or S). Source: the packed interface
    of FlashAttention 2, arXiv:2307.08691.
    """
    for name, x, layout in (("q", q, "T H D"), ("k", k, "S K D"), ("v", v, "S K Dv")):
        _check.rank(name, x, layout)
    starts_q = _offsets("cu_q", cu_q, q.shape[0])
    starts_k = _offsets("cu_k", cu_k, k.shape[0])
    _check.same("number of sequences", "len(cu_q)", len(starts_q), "len(cu_k)", len(starts_k))
    pieces = [q.new_zeros(0, q.shape[1], v.shape[2])]
    for b in range(len(starts_q) - 1):
        rows, keys = slice(*starts_q[b : b + 2]), slice(*starts_k[b : b + 2])
        one = (x.transpose(0, 1).unsqueeze(0) for x in (q[rows], k[keys], v[keys]))
        o = attention(*one, causal=causal, window=window, scale=scale)
        pieces.append(o.squeeze(0).transpose(0, 1))
    return torch.cat(pieces)


def _offsets(name: str, offsets: Tensor, total: int) -> list[int]:
    _check.rank(name, offsets, "B+1")
    values: list[int] = offsets.tolist()
    if not values or values[0] != 0 or values[-1] != total or values != sorted(values):
        raise ValueError(
            f"{name}={values}: expected offsets that rise from 0 to {total}; "
            f"pass the cumulative sum of the lengths with a leading 0"
        )
    return values


def decode_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    lengths: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    """One new query over a cache: q[B,H,1,D], caches [B,K,S,D], lengths int[B] -> [B,H,1,D].

    Sequence b sees slots 0 .. lengths[b] - 1; what lies beyond has no effect, NaN included.
    Length 0 gives zeros. Raises ValueError for Lq != 1 or a length outside [0, S].
    Source: Shazeer 2019, arXiv:1911.02150 (incremental decoding).
    """
    _attend.check_inputs(q, k_cache, v_cache)
    _check.same("number of queries", "q.shape[2]", q.shape[2], "expected", 1)
    _check.same("batch size", "lengths.shape[0]", lengths.shape[0], "q.shape[0]", q.shape[0])
    valid = padding_mask(lengths, k_cache.shape[2])[:, None, None, :].to(q.device)
    return attention(q, k_cache, v_cache, mask=valid, scale=scale)


def block_sparse_attention(
    q: Tensor, k: Tensor, v: Tensor, block_mask: Tensor, *, block_size: int
) -> Tensor:
    """Attention over the blocks that block_mask: bool[Lq/b, Lk/b] keeps -> [B,H,Lq,Dv].

    Query i sees key j when block_mask[i // b, j // b]. A row of no blocks gives zeros.
    Raises ValueError when b divides Lq or Lk not, or block_mask has another shape.
    Source: Dao et al. 2022, arXiv:2205.14135, section 3.3.
    """
    _attend.check_inputs(q, k, v)
    _check.at_least("block_size", block_size, 1)
    _check.divides("block_size", block_size, "Lq", q.shape[2])
    _check.divides("block_size", block_size, "Lk", k.shape[2])
    expected = (q.shape[2] // block_size, k.shape[2] // block_size)
    if tuple(block_mask.shape) != expected or block_mask.dtype != torch.bool:
        raise ValueError(
            f"block_mask={block_mask.dtype}{tuple(block_mask.shape)}: expected bool{expected}; "
            f"one entry for each pair of blocks of {block_size}"
        )
    mask = block_mask.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    return attention(q, k, v, mask=mask)


def flash_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    block_q: int,
    block_k: int,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """FlashAttention's algorithm 1 with its tile sizes as arguments -> [B,H,Lq,Dv].

    Keys outside, queries inside; each tile updates the running maximum m, sum l and normalised o:
    o <- (l e^(m - m') o + P~ v e^(m~ - m')) / l'. Equal to `attention` for all tile sizes.
    Differs from the listing: scores are scaled, tails may be ragged, and tiles in which a row
    sees no key are guarded (there -inf - (-inf) would be NaN).
    Raises ValueError for shapes that do not fit or a tile size < 1.
    Source: Dao et al. 2022, arXiv:2205.14135, algorithm 1.
    """
    _attend.check_inputs(q, k, v)
    _check.at_least("block_q", block_q, 1)
    _check.at_least("block_k", block_k, 1)
    dtype = _check.compute_dtype(q, k, v)
    keys = _attend.expand_heads(k, q.shape[1]).to(dtype).split(block_k, 2)
    values = _attend.expand_heads(v, q.shape[1]).to(dtype)
    queries = q.to(dtype).split(block_q, 2)
    visible = visibility(q.shape[2], k.shape[2], causal, None, q.device).split(block_q, 0)
    state = [_initial(tile, values.shape[-1]) for tile in queries]
    for j, (key, value) in enumerate(zip(keys, values.split(block_k, 2), strict=True)):
        for i, query in enumerate(queries):
            scores = _attend.logits(query, key, bias=None, scale=scale, softcap=None)
            seen = visible[i][:, j * block_k : j * block_k + key.shape[2]]
            state[i] = _tile_update(*state[i], _attend.exponentiate(scores, seen), value)
    again: list[Tensor | float] = [0.0] * len(queries)
    if injected() and k.shape[2]:
        whole = torch.cat(keys, 2)
        for i, query in enumerate(queries):
            scores = query.detach() * (1.0 if scale is None else scale) @ whole.detach().mT
            top = torch.where(visible[i], scores, -torch.inf).argmax(-1)
            again[i] = _attend.evaluated_again(query, whole, top, scale=scale)
    o = torch.cat(
        [_finished(*tile, lag, k.shape[2]) for tile, lag in zip(state, again, strict=True)], 2
    )
    if settings().empty_rows != "zero" and k.shape[2]:
        empty = torch.cat([total for _, _, total in state], 2) == 0
        fill = {"nan": torch.full_like(o, torch.nan), "mean_of_values": values.mean(2, True)}
        o = torch.where(empty, fill[settings().empty_rows], o)
    return o.to(q.dtype)


def _initial(query: Tensor, Dv: int) -> tuple[Tensor, Tensor, Tensor]:
    """o = 0, m = -inf, l = 0; taken from the query so that an output without keys has a graph."""
    zero = query[..., :1] * 0.0
    return zero.expand(*query.shape[:-1], Dv), torch.full_like(zero, -torch.inf), zero


def _finished(o: Tensor, m: Tensor, total: Tensor, lag: Tensor | float, count: int) -> Tensor:
    """The output, whose way back may have weights exp(score - m - log l) of its own."""

    def log_sum_exp() -> Tensor:
        log = torch.log(torch.where(total > 0, total, 1.0))
        return torch.where(total > 0, m + log, -torch.inf).squeeze(-1)

    return _attend.drifted(o, m, count, log_sum_exp, lag)


def _tile_update(
    o: Tensor, m: Tensor, total: Tensor, tile: _attend.Partial, value: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Lines 11 to 13 of algorithm 1 for one tile."""
    new_m = torch.maximum(m, tile.maximum)
    reference = torch.where(torch.isneginf(new_m), 0.0, new_m)
    kept = total * torch.exp(m - reference)
    maximum = torch.where(torch.isneginf(tile.maximum), reference, tile.maximum)
    added = torch.exp(maximum - reference + tile.live)
    new_total = kept + added * tile.total
    numerator = mark("accumulator", mark("probabilities", tile.exponentials) @ value)
    quotient = (kept * o + added * numerator) / torch.where(new_total > 0, new_total, 1.0)
    return quotient, new_m, new_total
