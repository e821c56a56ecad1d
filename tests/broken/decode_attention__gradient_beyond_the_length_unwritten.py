"""The backward pass visits the slots below each length and leaves the rest of a buffer from
torch.empty as it was.
"""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


class Decode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, lengths, scale):
        wide, group = torch.promote_types(q.dtype, torch.float32), q.shape[1] // k.shape[1]
        out, kept = q.new_zeros(*q.shape[:3], v.shape[3]), []
        for b, n in enumerate(lengths.tolist()):
            keys, values = (x[b, :, :n].to(wide).repeat_interleave(group, 0) for x in (k, v))
            p = torch.softmax(q[b].to(wide) @ keys.mT * scale, -1)
            kept.append(p)
            if n:
                out[b] = (p @ values).to(q.dtype)
        ctx.save_for_backward(q, k, v, lengths, *kept)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx, g):
        q, k, v, lengths, *kept = ctx.saved_tensors
        wide, kv = torch.promote_types(q.dtype, torch.float32), k.shape[1]
        group = q.shape[1] // kv
        dq, dk, dv = torch.zeros_like(q), torch.empty_like(k), torch.empty_like(v)
        for b, n in enumerate(lengths.tolist()):
            if n == 0:
                continue
            keys, values = (x[b, :, :n].to(wide).repeat_interleave(group, 0) for x in (k, v))
            gg, p = g[b].to(wide), kept[b]
            dp = gg @ values.mT
            ds = p * (dp - (dp * p).sum(-1, keepdim=True)) * ctx.scale
            dq[b] = (ds @ keys).to(q.dtype)
            dk[b, :, :n] = (ds.mT @ q[b].to(wide)).unflatten(0, (kv, group)).sum(1).to(k.dtype)
            dv[b, :, :n] = (p.mT @ gg).unflatten(0, (kv, group)).sum(1).to(v.dtype)
        return dq, dk, dv, None, None


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    return Decode.apply(
        q, k_cache, v_cache, lengths, q.shape[3] ** -0.5 if scale is None else scale
    )
