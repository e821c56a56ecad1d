"""Wrong relatives of attention: packed, merged, projected, linear, flash, decoding, masks."""

import math
from typing import Any

import torch
from torch import Tensor

from conform_reference import attention as right
from conform_reference._attend import expand_heads
from conform_reference._check import compute_dtype
from conform_reference.mistakes.attention import scores_and_visibility


def varlen_leaks(
    q: Tensor, k: Tensor, v: Tensor, cu_q: Tensor, cu_k: Tensor, **options: Any
) -> Tensor:
    """The offsets are ignored: every query sees the keys of all sequences."""
    one = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))
    return right.attention(*one, **options).squeeze(0).transpose(0, 1)


def varlen_skips_empty(
    q: Tensor, k: Tensor, v: Tensor, cu_q: Tensor, cu_k: Tensor, **options: Any
) -> Tensor:
    """Empty sequences are dropped from each side alone, so that later pairs shift."""
    pairs = []
    for offsets in (cu_q, cu_k):
        bounds = list(zip(offsets.tolist(), offsets.tolist()[1:], strict=False))
        pairs.append([pair for pair in bounds if pair[0] < pair[1]])
    pieces = [q.new_zeros(0, q.shape[1], v.shape[2])]
    for n, (a, b) in enumerate(pairs[0]):
        c, d = pairs[1][n] if n < len(pairs[1]) else (0, 0)
        one = (x.transpose(0, 1).unsqueeze(0) for x in (q[a:b], k[c:d], v[c:d]))
        pieces.append(right.attention(*one, **options).squeeze(0).transpose(0, 1))
    return torch.cat(pieces)


def varlen_causal_over_all(
    q: Tensor, k: Tensor, v: Tensor, cu_q: Tensor, cu_k: Tensor, *, causal: bool = False,
    window: int | None = None, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """The diagonal is placed by the packed lengths instead of each sequence's own."""
    if not causal:
        return right.attention_varlen(q, k, v, cu_q, cu_k, window=window, scale=scale)
    of_q = torch.bucketize(torch.arange(q.shape[0]), cu_q[1:].contiguous(), right=True)
    of_k = torch.bucketize(torch.arange(k.shape[0]), cu_k[1:].contiguous(), right=True)
    same = of_q.unsqueeze(1) == of_k
    one = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))
    o = right.attention(*one, causal=True, window=window, mask=same, scale=scale)
    return o.squeeze(0).transpose(0, 1)


def weights_over_queries(q: Tensor, k: Tensor, **options: Any) -> Tensor:
    """The softmax runs over the queries instead of the keys."""
    dtype = compute_dtype(q, k)
    scores, visible = scores_and_visibility(q, k, dtype, **options)
    e = torch.where(visible, torch.exp(scores - scores.amax(-2, keepdim=True)), 0.0)
    total = e.sum(-2, keepdim=True)
    return (e / torch.where(total > 0, total, 1.0)).to(q.dtype)


def weights_masked_late(q: Tensor, k: Tensor, **options: Any) -> Tensor:
    """Hidden weights are zeroed after the softmax without renormalising."""
    scores, visible = scores_and_visibility(q, k, compute_dtype(q, k), **options)
    e = torch.exp(scores - scores.amax(-1, keepdim=True))
    return torch.where(visible, e / e.sum(-1, keepdim=True), 0.0).to(q.dtype)


def weights_of_half_scores(q: Tensor, k: Tensor, **options: Any) -> Tensor:
    """Scores are held in bfloat16 before the softmax."""
    scores, visible = scores_and_visibility(q, k, compute_dtype(q, k), **options)
    scores = torch.where(visible, scores.to(torch.bfloat16).to(scores.dtype), -math.inf)
    m = scores.amax(-1, keepdim=True)
    e = torch.exp(scores - torch.where(torch.isneginf(m), 0.0, m))
    total = e.sum(-1, keepdim=True)
    return (e / torch.where(total > 0, total, 1.0)).to(q.dtype)


def lse_forgets_maximum(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
    """Returns log of the sum relative to the maximum, without adding the maximum back."""
    o, lse = right.attention_with_lse(q, k, v, **options)
    sinks = options.pop("sinks", None)
    scores, visible = scores_and_visibility(q, k, compute_dtype(q, k), **options)
    m = torch.where(visible, scores, -math.inf).amax(-1)
    if sinks is not None:
        m = torch.maximum(m, sinks.to(m.dtype).reshape(1, -1, 1))
    return o, lse - torch.where(torch.isneginf(m), 0.0, m)


def merge_divides_empty(
    o1: Tensor, lse1: Tensor, o2: Tensor, lse2: Tensor
) -> tuple[Tensor, Tensor]:
    """No guard: two empty parts give exp(-inf - (-inf)) = NaN."""
    dtype = compute_dtype(o1, lse1)
    m = torch.maximum(lse1, lse2).to(dtype)
    w1, w2 = torch.exp(lse1 - m).unsqueeze(-1), torch.exp(lse2 - m).unsqueeze(-1)
    o = (w1 * o1 + w2 * o2) / (w1 + w2)
    return o.to(o1.dtype), m + torch.log((w1 + w2).squeeze(-1))


def merge_overflows(o1: Tensor, lse1: Tensor, o2: Tensor, lse2: Tensor) -> tuple[Tensor, Tensor]:
    """Weights are exp(lse) itself, in float32, relative to nothing."""
    w1, w2 = torch.exp(lse1.float()), torch.exp(lse2.float())
    total = w1 + w2
    o = (w1.unsqueeze(-1) * o1.float() + w2.unsqueeze(-1) * o2.float()) / total.unsqueeze(-1)
    o = torch.where(total.unsqueeze(-1) == 0, 0.0, o)
    return o.to(o1.dtype), torch.log(total).to(compute_dtype(o1, lse1))


def naive_softmax(x: Tensor) -> Tensor:
    """exp(x) / sum exp(x) in float32: overflows beyond 88."""
    e = torch.exp(x.float())
    return (e / e.sum(-1, keepdim=True)).to(x.dtype)


def softmax_first_axis(x: Tensor) -> Tensor:
    """Normalises over the first dimension."""
    return torch.softmax(x.to(compute_dtype(x)), 0).to(x.dtype)


def softmax_empty_rows_zero(x: Tensor) -> Tensor:
    """A row of -inf gives zeros, as attention does, instead of NaN."""
    return torch.nan_to_num(right.softmax(x), nan=0.0)


def softmax_merge_divides_empty(
    m1: Tensor, l1: Tensor, m2: Tensor, l2: Tensor
) -> tuple[Tensor, Tensor]:
    """No guard: two empty parts give NaN."""
    m = torch.maximum(m1, m2)
    return m, l1 * torch.exp(m1 - m) + l2 * torch.exp(m2 - m)


def heads_by_view(
    x: Tensor, memory: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, *, heads: int,
    kv_heads: int | None = None, causal: bool = False,
) -> Tensor:  # fmt: skip
    """view(B, H, L, D) without the transpose: tokens and channels are mixed."""
    dtype = compute_dtype(x, memory, Wq)
    kv_heads = heads if kv_heads is None else kv_heads
    q, k, v = ((a.to(dtype) @ w.to(dtype)) for a, w in ((x, Wq), (memory, Wk), (memory, Wv)))
    q, k, v = (
        a.reshape(a.shape[0], n, a.shape[1], -1)
        for a, n in ((q, heads), (k, kv_heads), (v, kv_heads))
    )
    o = right.attention(q, k, v, causal=causal)
    return (o.reshape(x.shape[0], x.shape[1], -1) @ Wo.to(dtype)).to(x.dtype)


def heads_merged_by_view(
    x: Tensor, memory: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, *, heads: int,
    kv_heads: int | None = None, causal: bool = False,
) -> Tensor:  # fmt: skip
    """The heads' results are not transposed back before they are joined."""
    dtype = compute_dtype(x, memory, Wq)
    kv_heads = heads if kv_heads is None else kv_heads
    q, k, v = ((a.to(dtype) @ w.to(dtype)) for a, w in ((x, Wq), (memory, Wk), (memory, Wv)))
    q, k, v = (
        a.reshape(a.shape[0], a.shape[1], n, -1).transpose(1, 2)
        for a, n in ((q, heads), (k, kv_heads), (v, kv_heads))
    )
    o = right.attention(q, k, v, causal=causal)
    return (o.reshape(x.shape[0], x.shape[1], -1) @ Wo.to(dtype)).to(x.dtype)


def interleaved_heads(
    x: Tensor, memory: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, *, heads: int,
    kv_heads: int | None = None, causal: bool = False,
) -> Tensor:  # fmt: skip
    """Head h owns the channels h, h + H, h + 2H, ... instead of a run of neighbours."""
    kv_heads = heads if kv_heads is None else kv_heads

    def gathered(W: Tensor, n: int) -> Tensor:
        return W.reshape(W.shape[0], -1, n).transpose(1, 2).reshape(W.shape)

    merged = Wo.reshape(-1, heads, Wo.shape[1]).transpose(0, 1).reshape(Wo.shape)
    return right.multi_head_attention(
        x, memory, gathered(Wq, heads), gathered(Wk, kv_heads), gathered(Wv, kv_heads), merged,
        heads=heads, kv_heads=kv_heads, causal=causal,
    )  # fmt: skip


def _linear(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, features: Any, total: Any = None
) -> Tensor:
    dtype = compute_dtype(q, k, v)
    weights = features(q.to(dtype)) @ features(k.to(dtype)).transpose(-1, -2)
    weights = torch.tril(weights) if causal else weights
    denominator = weights.sum(-1, keepdim=True)
    if total is not None:
        denominator = total(denominator)
    return (weights @ v.to(dtype) / denominator).to(q.dtype)


def _elu_plus_one(x: Tensor) -> Tensor:
    return torch.where(x > 0, x + 1, torch.exp(torch.clamp(x, max=0.0)))


def linear_relu_features(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """phi = relu: a row of negative features divides by zero."""
    return _linear(q, k, v, causal, torch.relu)


def linear_plain_elu(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """phi = elu, the added one is missing: denominators change sign."""
    return _linear(q, k, v, causal, torch.nn.functional.elu)


def linear_no_normaliser(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """The numerator is returned as it is."""
    return _linear(q, k, v, causal, _elu_plus_one, torch.ones_like)


def linear_global_normaliser(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """One denominator for all queries: the mean of theirs."""
    return _linear(q, k, v, causal, _elu_plus_one, lambda x: x.mean(-2, keepdim=True))


def linear_softmax_scale(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """Queries are divided by sqrt(D) as for softmax attention."""
    return right.linear_attention(q / math.sqrt(q.shape[-1]), k, v, causal=causal)


def flash_tile_mutant(
    kind: str, q: Tensor, k: Tensor, v: Tensor, *, block_q: int, block_k: int,
    causal: bool = False, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """Algorithm 1 over key tiles with one line of the update wrong, by `kind`."""
    dtype = compute_dtype(q, k, v)
    scores, visible = scores_and_visibility(q, k, dtype, causal=causal, scale=scale)
    scores = torch.where(visible, scores, -math.inf)
    values = expand_heads(v, q.shape[1]).to(dtype)
    o = scores.new_zeros(*q.shape[:3], v.shape[3])
    total = scores.new_zeros(*q.shape[:3], 1)
    m = torch.full_like(total, -math.inf)
    if kind == "tail" and k.shape[2] > block_k:
        scores = scores[..., : k.shape[2] - k.shape[2] % block_k]
    for j in range(0, scores.shape[-1], block_k):
        tile, value = scores[..., j : j + block_k], values[..., j : j + block_k, :]
        value = value[..., : tile.shape[-1], :]
        tile_m = tile.amax(-1, keepdim=True)
        new = torch.maximum(m, tile_m)
        safe = torch.where(torch.isneginf(new), 0.0, new)
        tile_safe = torch.where(torch.isneginf(tile_m), safe, tile_m)
        e = torch.exp(tile - tile_safe)
        kept, added = torch.exp(m - safe), torch.exp(tile_safe - safe)
        if kind == "tile_maximum":
            added = torch.ones_like(added)
        new_total = kept * total + added * e.sum(-1, keepdim=True)
        before = o if kind == "no_rescale" else kept * o
        divisor = torch.where(new_total > 0, new_total, 1.0)
        o = (total * before + added * (e @ value)) / divisor
        total, m = new_total, new
    return o.to(q.dtype)


def flash_no_rescale(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """The old output is not multiplied by e^(m - m'), the sum is."""
    return flash_tile_mutant("no_rescale", q, k, v, **options)


def flash_tile_maximum(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """The new tile is left relative to its own maximum: e^(m~ - m') is missing."""
    return flash_tile_mutant("tile_maximum", q, k, v, **options)


def flash_tail_dropped(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """Keys behind the last full tile are left out."""
    return flash_tile_mutant("tail", q, k, v, **options)


def flash_lost_minus(
    q: Tensor, k: Tensor, v: Tensor, *, block_q: int, block_k: int, causal: bool = False,
    scale: float | None = None,
) -> Tensor:  # fmt: skip
    """The listing as the slide prints it: exp(S m~) for exp(S - m~)."""
    dtype = compute_dtype(q, k, v)
    scores, visible = scores_and_visibility(q, k, dtype, causal=causal, scale=scale)
    parts, values = [], expand_heads(v, q.shape[1]).to(dtype)
    for j in range(0, k.shape[2], block_k):
        tile = torch.where(visible, scores, -math.inf)[..., j : j + block_k]
        m = tile.amax(-1, keepdim=True)
        e = torch.where(torch.isneginf(tile), 0.0, torch.exp(tile * m))
        total = e.sum(-1, keepdim=True)
        part = e @ values[..., j : j + block_k, :] / torch.where(total > 0, total, 1.0)
        lse = torch.where(total > 0, m + torch.log(total.clamp(min=1e-300)), -math.inf).squeeze(-1)
        parts.append((part, lse))
    o, lse = parts[0]
    for part, other in parts[1:]:
        o, lse = right.attention_merge(o, lse, part, other)
    return o.to(q.dtype)


def strict_causal_mask(Lq: int, Lk: int) -> Tensor:
    """The diagonal itself is hidden."""
    return torch.arange(Lk) < torch.arange(Lq).unsqueeze(1) + Lk - Lq


def sinks_see_future(Lq: int, Lk: int, window: int, sinks: int) -> Tensor:
    """Sinks are visible even to queries before them."""
    return right.sliding_window_mask(Lq, Lk, window) | (torch.arange(Lk) < sinks)


def padding_inclusive(lengths: Tensor, L: int) -> Tensor:
    """Position lengths[b] itself counts as valid."""
    return torch.arange(L) <= lengths.unsqueeze(1)


def padding_on_the_left(lengths: Tensor, L: int) -> Tensor:
    """The last lengths[b] positions are valid instead of the first."""
    return torch.arange(L) >= L - lengths.unsqueeze(1)


def relu_on_the_score(
    h: Tensor, s: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor
) -> Tensor:
    """The activation is applied to the result as well."""
    return torch.relu(right.mlp_score(h, s, W1, b1, W2, b2))


def tanh_by_halves(h: Tensor, s: Tensor, W: Tensor, v: Tensor) -> Tensor:
    """v . (tanh(W_h h) + tanh(W_s s)): each half is squashed on its own."""
    dtype = compute_dtype(h, s, W, v)
    from_h, from_s = W.to(dtype).split([h.shape[2], s.shape[1]], 1)
    hidden = torch.tanh(h.to(dtype) @ from_h.T) + torch.tanh(s.to(dtype) @ from_s.T).unsqueeze(1)
    return (hidden @ v.to(dtype)).to(h.dtype)


def block_mask_tail_open(
    q: Tensor, k: Tensor, v: Tensor, block_mask: Tensor, *, block_size: int
) -> Tensor:
    """The last block column is always processed, whatever the block mask says."""
    opened = block_mask.clone()
    opened[:, -1] = True
    return right.block_sparse_attention(q, k, v, opened, block_size=block_size)


def block_mask_cropped(
    q: Tensor, k: Tensor, v: Tensor, block_mask: Tensor, *, block_size: int
) -> Tensor:
    """A block mask that does not fit the lengths is cropped instead of refused."""
    mask = block_mask.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    return right.attention(q, k, v, mask=mask[: q.shape[2], : k.shape[2]])


def heads_truncated(
    x: Tensor, memory: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, *, heads: int,
    kv_heads: int | None = None, causal: bool = False,
) -> Tensor:  # fmt: skip
    """Channels that do not divide among the heads are dropped instead of refused."""
    kv_heads = heads if kv_heads is None else kv_heads
    size = min(Wq.shape[1] // heads, Wk.shape[1] // kv_heads)
    wide, narrow = heads * size, kv_heads * size
    return right.multi_head_attention(
        x, memory, Wq[:, :wide], Wk[:, :narrow], Wv[:, :narrow], Wo[:wide], heads=heads,
        kv_heads=kv_heads, causal=causal,
    )  # fmt: skip


def gqa_truncated(W: Tensor, *, heads: int, kv_heads: int) -> Tensor:
    """Heads that do not fill a group are dropped instead of refused."""
    size, kept = W.shape[1] // heads, heads // kv_heads * kv_heads
    return right.mha_to_gqa(W[:, : kept * size], heads=kept, kv_heads=kv_heads)
