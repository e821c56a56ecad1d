"""The backward pass divides head numbers by the group size instead of the number of key heads."""

import torch


class Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, group):
        ctx.group = group
        return x.repeat_interleave(group, 1)

    @staticmethod
    def backward(ctx, g):
        heads = g.shape[1]
        kv = heads // ctx.group
        out = torch.zeros(g.shape[0], kv, g.shape[2], dtype=g.dtype)
        for head in range(heads):
            share, key = head // kv, head % kv
            at = key * ctx.group + share
            out[:, (at // ctx.group) % kv] += g[:, (share * kv + key) % heads]
        return out, None


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    d = q.shape[-1]
    k, v, group = Spread.apply(k, group), Spread.apply(v, group), 1
    out = []
    for n in range(len(cu_q) - 1):
        a, b, c, e = (int(x) for x in (cu_q[n], cu_q[n + 1], cu_k[n], cu_k[n + 1]))
        one = q[a:b].to(wide).transpose(0, 1)
        keys, values = (x[c:e].to(wide).transpose(0, 1).repeat_interleave(group, 0) for x in (k, v))
        s = one @ keys.mT * (d**-0.5 if scale is None else scale)
        i = torch.arange(b - a)[:, None] + (e - c) - (b - a)
        j = torch.arange(e - c)[None, :]
        see = torch.ones(b - a, e - c, dtype=torch.bool)
        if causal:
            see = see & (j <= i)
        if window is not None:
            see = see & ((i - j).abs() < window)
        s = s.masked_fill(~see, float("-inf"))
        top = s.detach().amax(-1, keepdim=True) if e > c else s.new_zeros(*s.shape[:2], 1)
        p = torch.exp(s - top.clamp(min=torch.finfo(wide).min))
        total = p.sum(-1, keepdim=True)
        o = p @ values / total.masked_fill(total == 0, 1)
        out.append(o.transpose(0, 1))
    return torch.cat(out).to(q.dtype)
