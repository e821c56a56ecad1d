"""Pages that no sequence uses, and the slots behind the last token, keep what torch.empty gave to
the gradient of the cache.
"""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


class Paged(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, table, lengths, scale):
        wide, group, size = (
            torch.promote_types(q.dtype, torch.float32),
            q.shape[1] // k.shape[2],
            k.shape[1],
        )
        out = q.new_zeros(*q.shape[:3], v.shape[3])
        for b, n in enumerate(lengths.tolist()):
            if n == 0:
                continue
            slots = torch.arange(n)
            pages = table[b].long()[slots // size]
            keys, values = (
                x[pages, slots % size].to(wide).transpose(0, 1).repeat_interleave(group, 0)
                for x in (k, v)
            )
            out[b] = (torch.softmax(q[b].to(wide) @ keys.mT * scale, -1) @ values).to(q.dtype)
        ctx.save_for_backward(q, k, v, table, lengths)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx, g):
        q, k, v, table, lengths = ctx.saved_tensors
        wide, kv, size = torch.promote_types(q.dtype, torch.float32), k.shape[2], k.shape[1]
        group = q.shape[1] // kv
        dq = torch.zeros_like(q)
        dk, dv = torch.empty(k.shape, dtype=wide), torch.empty(v.shape, dtype=wide)
        seen = torch.zeros(k.shape[:2], dtype=torch.bool)
        for b, n in enumerate(lengths.tolist()):
            if n == 0:
                continue
            slots = torch.arange(n)
            pages = table[b].long()[slots // size]
            keys, values = (
                x[pages, slots % size].to(wide).transpose(0, 1).repeat_interleave(group, 0)
                for x in (k, v)
            )
            gg = g[b].to(wide)
            p = torch.softmax(q[b].to(wide) @ keys.mT * ctx.scale, -1)
            dp = gg @ values.mT
            ds = p * (dp - (dp * p).sum(-1, keepdim=True)) * ctx.scale
            dq[b] = (ds @ keys).to(q.dtype)
            nk = (ds.mT @ q[b].to(wide)).unflatten(0, (kv, group)).sum(1).transpose(0, 1)
            nv = (p.mT @ gg).unflatten(0, (kv, group)).sum(1).transpose(0, 1)
            for j in range(n):
                page, row = int(pages[j]), j % size
                if bool(seen[page, row]):
                    dk[page, row] += nk[j]
                    dv[page, row] += nv[j]
                else:
                    dk[page, row], dv[page, row] = nk[j], nv[j]
                    seen[page, row] = True
        return dq, dk.to(k.dtype), dv.to(v.dtype), None, None, None


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    scale = q.shape[3] ** -0.5 if scale is None else scale
    return Paged.apply(q, k_pages, v_pages, block_table, lengths, scale)
