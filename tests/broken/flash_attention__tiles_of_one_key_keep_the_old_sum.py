"""A tile of a single key takes the short way, which does not rescale the sum."""

import torch


def flash_attention(q, k, v, *, block_q, block_k, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    scale = d**-0.5 if scale is None else scale
    keys, values = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    out = []
    for q0 in range(0, lq, block_q):
        query = q[:, :, q0 : q0 + block_q].to(wide) * scale
        rows = query.shape[2]
        place = torch.arange(q0, q0 + rows)[:, None] + lk - lq
        end = min(lk, q0 + rows + lk - lq) if causal else lk
        top = query.new_full((b, h, rows, 1), -torch.inf)
        total = query.new_zeros(b, h, rows, 1)
        o = query.new_zeros(b, h, rows, v.shape[-1])
        for k0 in range(0, end, block_k):
            key, value = (x[:, :, k0 : k0 + block_k] for x in (keys, values))
            s = query @ key.mT
            if causal:
                column = torch.arange(k0, k0 + s.shape[-1])
                s = s.masked_fill(column > place, -torch.inf)
            new = torch.maximum(top, s.amax(-1, keepdim=True))
            base = new.masked_fill(new == -torch.inf, 0.0)
            p, old = torch.exp(s - base), torch.exp(top - base)
            total = (total if block_k == 1 else total * old) + p.sum(-1, keepdim=True)
            o, top = o * old + p @ value, new
        out.append(o / total.masked_fill(total == 0, 1.0))
    if not out:
        return q.new_zeros(b, h, lq, v.shape[-1])
    return torch.cat(out, 2).to(q.dtype)
