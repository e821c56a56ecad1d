"""Without a causal mask or a window the heads of a group become queries, [G, T] rows in a line, and
the offsets times G cut them: right for a single sequence (ROCm/rocm-libraries #7221).
"""

import itertools

import torch


def rows_of(query, key, value, scale, see):
    """query[K, R, D] over key, value[K, Lk, .] -> [K, R, Dv]."""
    dead = ~see.any(-1, keepdim=True)
    s = (query @ key.mT * scale).masked_fill(~see, -torch.inf).masked_fill(dead, 0.0)
    return torch.softmax(s, -1).masked_fill(dead, 0.0) @ value


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (total, heads, d), kv = q.shape, k.shape[1]
    group = heads // kv
    scale = d**-0.5 if scale is None else scale
    folded = q.to(wide).view(total, kv, group, d).permute(1, 2, 0, 3)  # [K, G, T, D]
    fold = not causal and window is None
    if fold:
        folded = folded.reshape(kv, group * total, d)
    pieces = []
    starts = list(zip(cu_q.tolist(), cu_k.tolist(), strict=True))
    for (q0, k0), (q1, k1) in itertools.pairwise(starts):
        key, value = (x[k0:k1].to(wide).transpose(0, 1) for x in (k, v))
        lq, lk = q1 - q0, k1 - k0
        row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
        see = torch.ones(lq, lk, dtype=torch.bool)
        if fold:
            query = folded[:, q0 * group : q1 * group]
            if lk == 0 or lq == 0:
                pieces.append(query.new_zeros(kv, lq * group, v.shape[-1]))
                continue
            pieces.append(rows_of(query, key, value, scale, see[:1].expand(lq * group, lk)))
            continue
        if lk == 0 or lq == 0:
            pieces.append(folded.new_zeros(kv, group, lq, v.shape[-1]))
            continue
        if causal:
            see = see & (column <= row)
        if window is not None:
            see = see & (row - column < window)
            if not causal:
                see = see & (column - row < window)
        query = folded[:, :, q0:q1].flatten(1, 2)
        o = rows_of(query, key, value, scale, see.repeat(group, 1))
        pieces.append(o.unflatten(1, (group, lq)))
    o = torch.cat(pieces, 1 if fold else 2).view(kv, group, total, v.shape[-1])
    return o.permute(2, 0, 1, 3).reshape(total, heads, -1).to(q.dtype)
