"""The gradient of the gain drops what the last rows add when rows are no multiple of the blocks
(linkedin/Liger-Kernel #182).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        z = x.to(wide)
        rstd = torch.rsqrt(z.square().mean(-1, keepdim=True) + eps)
        y = z * rstd * gamma.to(wide)
        ctx.save_for_backward(x, gamma, rstd, y)
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, gamma, rstd, _y = ctx.saved_tensors
        wide = rstd.dtype
        g = g.to(wide)
        normal = x.to(wide) * rstd
        weighted = g * gamma.to(wide)
        dx = rstd * (weighted - normal * (weighted * normal).mean(-1, keepdim=True))
        rows = (g * normal).flatten(0, -2)
        each = -(-len(rows) // 8)
        dgamma = rows[: len(rows) // each * each].sum(0)
        return dx.to(x.dtype), dgamma.to(gamma.dtype), None


def rms_norm(x, gamma, *, eps=1e-6):
    return RmsNorm.apply(x, gamma, eps)
