"""The reversed running sum behind dk begins one row late at chunk borders of 64."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, causal):
        wide = torch.promote_types(q.dtype, torch.float32)
        f, g = (torch.nn.functional.elu(x.to(wide)) + 1 for x in (q, k))
        a = f @ g.mT
        if causal:
            a = a.tril()
        norm = a.sum(-1, keepdim=True)
        o = a @ v.to(wide) / norm
        ctx.save_for_backward(q, k, v, a, norm, o)
        return o.to(q.dtype)

    @staticmethod
    def backward(ctx, do):
        q, k, v, a, norm, o = ctx.saved_tensors
        wide = norm.dtype
        causal = bool((a.triu(1) == 0).all()) and a.shape[-1] > 1
        d = do.to(wide)
        f, g = (torch.nn.functional.elu(x.to(wide)) + 1 for x in (q, k))
        da = (d @ v.to(wide).mT - (d * o).sum(-1, keepdim=True)) / norm
        if causal:
            da = da.tril()

        df, dg, dv = da @ g, da.mT @ f, (a / norm).mT @ d
        if causal and a.shape[-1] > 64:
            lost = torch.zeros_like(da)
            at = torch.arange(63, a.shape[-1], 64)
            lost[..., at, at] = da[..., at, at]
            dg = dg - lost.mT @ f
        slope = [
            torch.where(x > 0, 1.0, torch.exp(x.clamp(max=0.0))) for x in (q.to(wide), k.to(wide))
        ]
        return (df * slope[0]).to(q.dtype), (dg * slope[1]).to(k.dtype), dv.to(v.dtype), None


def linear_attention(q, k, v, *, causal=False):
    return Linear.apply(q, k, v, causal)
