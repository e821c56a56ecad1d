"""The last tile of 32 keys reads into the next sequence where queries are whole tiles of 32."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    h, d, kv = q.shape[1], q.shape[2], k.shape[1]
    scale = d**-0.5 if scale is None else scale
    out = q.new_zeros(q.shape[0], h, v.shape[2])
    starts, ends = cu_q.tolist(), cu_k.tolist()

    for n in range(len(starts) - 1):
        a, b, c, e = starts[n], starts[n + 1], ends[n], ends[n + 1]
        lq, lk = b - a, e - c
        if lq == 0 or lk == 0:
            continue
        if lq % 32 == 0 and lk % 32 and not causal and window is None:
            e = min(c + -(-lk // 32) * 32, k.shape[0])
            lk = e - c
        x = q[a:b].to(wide).transpose(0, 1)
        y, z = (t[c:e].to(wide).transpose(0, 1).repeat_interleave(h // kv, 0) for t in (k, v))
        s = x @ y.mT * scale
        row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
        see = torch.ones(lq, lk, dtype=torch.bool)
        if causal:
            see &= column <= row
        if window is not None:
            see &= row - column < window
            if not causal:
                see &= column - row < window

        s = s.masked_fill(~see, -torch.inf)
        p = torch.softmax(s, -1).masked_fill(~see.any(-1, keepdim=True), 0.0)
        out[a:b] = (p @ z).transpose(0, 1).to(q.dtype)
    return out
