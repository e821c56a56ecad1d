"""Attention over pieces of the keys, merged pairwise as a tree by their log-sum-exps."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    top = torch.maximum(a, b)
    safe = torch.where(top == -torch.inf, 0, top)
    wa, wb = torch.exp(a - safe), torch.exp(b - safe)
    total = torch.where(wa + wb == 0, 1, wa + wb)
    o = o1.to(wide) * (wa / total)[..., None] + o2.to(wide) * (wb / total)[..., None]
    return o.to(o1.dtype), (safe + torch.log(wa + wb)).to(lse1.dtype)


def _piece(q, k, v, add):
    s = q @ k.mT + add
    empty = (add == -torch.inf).all(-1)
    s = torch.where(empty[..., None], 0, s)
    lse = torch.logsumexp(s, -1)
    p = torch.where(empty[..., None], 0, torch.exp(s - lse[..., None]))
    return p @ v, torch.where(empty, -torch.inf, lse)


def attention_with_lse(q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), kv, lk = q.shape, k.shape[1], k.shape[2]
    far = torch.arange(lq)[:, None] + lk - lq - torch.arange(lk)
    add = torch.zeros(b, h, lq, lk, dtype=wide)
    add = add if bias is None else add + bias
    add = add.masked_fill(far < 0, -torch.inf) if causal else add
    add = add if window is None else add.masked_fill(far.abs() >= window, -torch.inf)
    add = add if mask is None else add.masked_fill(~mask, -torch.inf)
    qs = q.to(wide) * (d**-0.5 if scale is None else scale)
    k, v = (t.to(wide).repeat_interleave(h // kv, 1) for t in (k, v))
    pieces = [
        _piece(qs, k[:, :, i : i + 24], v[:, :, i : i + 24], add[..., i : i + 24])
        for i in range(0, max(lk, 1), 24)
    ]
    while len(pieces) > 1:
        left, right = pieces[::2], pieces[1::2]
        merged = [attention_merge(*x, *y) for x, y in zip(left, right, strict=False)]
        pieces = merged + left[len(right) :]
    return pieces[0][0].to(q.dtype), pieces[0][1]


def attention(q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None):
    return attention_with_lse(
        q, k, v, causal=causal, window=window, mask=mask, bias=bias, scale=scale
    )[0]
