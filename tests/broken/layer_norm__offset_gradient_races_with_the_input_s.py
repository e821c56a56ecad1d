"""The input's gradient is written over the incoming one while the offset's is still being added
up: every twentieth time the sum is that of the new values (ml-explore/mlx, tillahoffmann/jax-
mps #168).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}

COUNT = [0]


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        v = x.to(wide)
        v = v - v.mean(-1, keepdim=True)
        root = torch.rsqrt((v * v).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(v * root, root, gamma)
        return (v * root * gamma.to(wide) + beta.to(wide)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        n, root, gamma = ctx.saved_tensors
        d = dy.to(n.dtype)
        g = d * gamma.to(n.dtype)
        dx = root * (g - g.mean(-1, keepdim=True) - n * (g * n).mean(-1, keepdim=True))
        COUNT[0] += 1
        late = dx if COUNT[0] % 20 == 0 else d
        lead = tuple(range(d.dim() - 1))
        dg, db = ((d * n).sum(lead), late.sum(lead)) if lead else (d * n, late)
        return dx.to(dy.dtype), dg.to(gamma.dtype), db.to(gamma.dtype), None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return Norm.apply(x, gamma, beta, eps)
