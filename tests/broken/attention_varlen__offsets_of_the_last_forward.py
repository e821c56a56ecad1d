"""The way back reads the offsets that the module keeps, which are those of the last call."""

import torch

KEPT = {}


def seen(cu_q, cu_k, rows, columns, causal):
    of_q = torch.bucketize(torch.arange(rows), cu_q[1:], right=True)
    of_k = torch.bucketize(torch.arange(columns), cu_k[1:], right=True)
    ok = of_q[:, None] == of_k
    if causal:
        back_q = cu_q[1:][of_q.clamp(max=len(cu_q) - 2)] - torch.arange(rows)
        back_k = cu_k[1:][of_k.clamp(max=len(cu_k) - 2)] - torch.arange(columns)
        ok &= back_k >= back_q[:, None]
    return ok


class Packed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, cu_q, cu_k, causal, scale):
        KEPT["offsets"] = cu_q, cu_k
        ctx.causal, ctx.scale = causal, scale
        ctx.save_for_backward(q, k, v)
        return Packed.weights(q, k, cu_q, cu_k, causal, scale) @ v

    @staticmethod
    def weights(q, k, cu_q, cu_k, causal, scale):
        ok = seen(cu_q, cu_k, q.shape[1], k.shape[1], causal)
        p = torch.softmax((q @ k.mT * scale).masked_fill(~ok, -torch.inf), -1)
        return torch.where(ok.any(-1, keepdim=True), p, torch.zeros_like(p))

    @staticmethod
    def backward(ctx, do):
        q, k, v = ctx.saved_tensors
        p = Packed.weights(q, k, *KEPT["offsets"], ctx.causal, ctx.scale)
        dp = do @ v.mT
        ds = p * (dp - (p * dp).sum(-1, keepdim=True)) * ctx.scale
        return ds @ k, ds.mT @ q, p.mT @ do, None, None, None, None


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, scale=None):
    work = torch.promote_types(q.dtype, torch.float32)
    times = q.shape[1] // k.shape[1]
    keys, values = (x.to(work).repeat_interleave(times, 1).transpose(0, 1) for x in (k, v))
    scale = q.shape[2] ** -0.5 if scale is None else scale
    o = Packed.apply(q.to(work).transpose(0, 1), keys, values, cu_q, cu_k, causal, scale)
    return o.transpose(0, 1).to(q.dtype)
