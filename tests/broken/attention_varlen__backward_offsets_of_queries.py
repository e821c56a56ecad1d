"""The gradient of the values is written at the queries' offsets."""

import torch
import torch.nn.functional as F


class Pack(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, cu_q, cu_k):
        ctx.save_for_backward(cu_q, cu_k)
        ctx.shape = x.shape
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        cu_q, cu_k = ctx.saved_tensors
        out = torch.zeros_like(g)
        for i in range(len(cu_q) - 1):
            n = int(cu_k[i + 1] - cu_k[i])
            start = min(int(cu_q[i]), ctx.shape[0] - n)
            out[start : start + n] = g[cu_k[i] : cu_k[i + 1]]
        return out, None, None


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, scale=None):
    v = Pack.apply(v, cu_q, cu_k)
    wide = torch.promote_types(q.dtype, torch.float32)
    out = []
    for i in range(len(cu_q) - 1):
        a, b, c, d = (int(x) for x in (cu_q[i], cu_q[i + 1], cu_k[i], cu_k[i + 1]))
        one, keys, values = (x.to(wide).transpose(0, 1) for x in (q[a:b], k[c:d], v[c:d]))
        see = torch.ones(b - a, d - c, dtype=torch.bool)
        see = see.tril(d - c - b + a) if causal else see
        o = F.scaled_dot_product_attention(
            one[None], keys[None], values[None], see[None, None], scale=scale, enable_gqa=True
        )
        out.append(o[0].transpose(0, 1))
    return torch.cat(out).to(q.dtype)
