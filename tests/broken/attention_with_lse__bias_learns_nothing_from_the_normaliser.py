"""The gradient that arrives at the log-sum-exp reaches queries and keys, not the bias: its own
kernel takes P (dP - Delta) alone.
"""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def reduced(x, like):
    return x.sum_to_size(like.shape).to(like.dtype)


class Biased(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, bias, see, scale):
        wide = torch.promote_types(q.dtype, torch.float32)
        group = q.shape[1] // k.shape[1]
        keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k, v))
        s = q.to(wide) @ keys.mT * scale
        s = (s if bias is None else s + bias.to(wide)).masked_fill(~see, -torch.inf)
        lse = torch.logsumexp(s, -1)
        p = torch.exp(s - lse.masked_fill(lse == -torch.inf, 0.0)[..., None])
        ctx.save_for_backward(q, k, v, bias, p)
        ctx.scale = scale
        return (p @ values).to(q.dtype), lse

    @staticmethod
    def backward(ctx, g, dlse):
        q, k, v, bias, p = ctx.saved_tensors
        wide, (b, kv, lk, d) = p.dtype, k.shape
        group = q.shape[1] // kv
        keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k, v))
        dp = g.to(wide) @ values.mT
        plain = p * (dp - (dp * p).sum(-1, keepdim=True))
        ds = plain + p * dlse.to(wide)[..., None]
        dq = (ds @ keys * ctx.scale).to(q.dtype)
        dk = (ds.mT @ q.to(wide) * ctx.scale).view(b, kv, group, lk, d).sum(2).to(k.dtype)
        dv = (p.mT @ g.to(wide)).view(b, kv, group, lk, -1).sum(2).to(v.dtype)
        return dq, dk, dv, None if bias is None else reduced(plain, bias), None, None


def attention_with_lse(q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None):
    (b, h, lq, d), lk = q.shape, k.shape[2]
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (column <= row)
    if window is not None:
        see = see & (row - column < window) & (column - row < window)
    if mask is not None:
        see = see & mask
    if lk == 0:
        wide = torch.promote_types(q.dtype, torch.float32)
        return q.new_zeros(b, h, lq, v.shape[3]), torch.full((b, h, lq), -torch.inf, dtype=wide)
    see = see.expand(b, h, lq, lk)
    return Biased.apply(q, k, v, bias, see, d**-0.5 if scale is None else scale)
