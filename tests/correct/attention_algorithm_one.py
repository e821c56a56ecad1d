"""FlashAttention's algorithm 1: key tiles in the outer loop, query tiles in the inner one, the
normalised output rescaled and written back at every step."""

import math

import torch

ROWS, COLUMNS = 16, 32
CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def tile_step(q, k, v, hidden, o, total, top):
    """Merge one key tile into one query tile's running (o, total, top)."""
    s = (q @ k.mT).masked_fill(hidden, -math.inf)
    m = s.amax(-1, keepdim=True).detach()
    new = torch.maximum(top, m)
    safe = new.clamp(min=torch.finfo(q.dtype).min)
    p = torch.exp(s - safe)
    kept = torch.exp(top - safe) * total
    grown = kept + p.sum(-1, keepdim=True)
    divisor = grown.masked_fill(grown == 0, 1)
    return (kept * o + p @ v) / divisor, grown, new


def attention(q, k, v, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), lk = q.shape, k.shape[2]
    keys, values = (x.repeat_interleave(h // x.shape[1], dim=1).to(wide) for x in (k, v))
    scaled = q.to(wide) * (d**-0.5 if scale is None else scale)
    hidden = torch.ones(lq, lk, dtype=torch.bool).triu(1 + lk - lq) & causal
    starts = range(0, lq, ROWS)
    state = [
        (
            torch.zeros(b, h, min(ROWS, lq - i), v.shape[-1], dtype=wide),
            torch.zeros(b, h, min(ROWS, lq - i), 1, dtype=wide),
            torch.full((b, h, min(ROWS, lq - i), 1), -math.inf, dtype=wide),
        )
        for i in starts
    ]
    for j in range(0, lk, COLUMNS):
        kj, vj = keys[..., j : j + COLUMNS, :], values[..., j : j + COLUMNS, :]
        for n, i in enumerate(starts):
            block = hidden[i : i + ROWS, j : j + COLUMNS]
            state[n] = tile_step(scaled[..., i : i + ROWS, :], kj, vj, block, *state[n])
    return torch.cat([o for o, _, _ in state], dim=-2).to(q.dtype)
