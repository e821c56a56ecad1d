"""The loop over tiles of keys ends where the query's tile ends, without the cached keys before
it.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def flash_attention(q, k, v, *, block_q, block_k, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), kv, lk = q.shape, k.shape[1], k.shape[2]
    scale = d**-0.5 if scale is None else scale
    k, v = (x.to(wide).repeat_interleave(h // kv, 1) for x in (k, v))
    rows = []
    for i in range(0, max(lq, 1), block_q):
        tile = q[:, :, i : i + block_q].to(wide) * scale
        n = tile.shape[2]
        m = tile.new_full((b, h, n, 1), -torch.inf)
        total, acc = torch.zeros_like(m), tile.new_zeros(b, h, n, v.shape[-1])
        row = torch.arange(i, i + n)[:, None] + lk - lq
        for j in range(0, lk, block_k):
            if causal and j >= max(i + block_q, lk - lq):
                break
            s = tile @ k[:, :, j : j + block_k].mT
            if causal:
                column = torch.arange(j, j + s.shape[-1])
                s = s.masked_fill(column > row, -torch.inf)
            new = torch.maximum(m, s.amax(-1, keepdim=True))
            safe = new.masked_fill(new == -torch.inf, 0.0)
            p, old = (s - safe).exp(), (m - safe).exp()
            total = total * old + p.sum(-1, keepdim=True)
            acc = acc * old + p.to(q.dtype).to(wide) @ v[:, :, j : j + block_k]
            m = new
        rows.append(acc / total.masked_fill(total == 0, 1.0))
    return torch.cat(rows, 2).to(q.dtype)
