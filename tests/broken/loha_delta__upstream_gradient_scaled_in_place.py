"""Its backward multiplies the incoming gradient in place, as fused kernels that reuse it do
(unsloth issue 895).
"""

import torch


class Hada(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a1, b1, a2, b2, scale):
        ctx.save_for_backward(a1, b1, a2, b2)
        ctx.scale = scale
        return (b1 @ a1) * (b2 @ a2) * scale

    @staticmethod
    def backward(ctx, grad):
        a1, b1, a2, b2 = ctx.saved_tensors
        grad.mul_(ctx.scale)
        first, second = grad * (b2 @ a2), grad * (b1 @ a1)
        return b1.mT @ first, first @ a1.mT, b2.mT @ second, second @ a2.mT, None


def loha_delta(A1, B1, A2, B2, *, alpha):
    wide = torch.promote_types(A1.dtype, torch.float32)
    parts = (t.to(wide) for t in (A1, B1, A2, B2))
    return Hada.apply(*parts, alpha / A1.shape[0]).to(A1.dtype)
