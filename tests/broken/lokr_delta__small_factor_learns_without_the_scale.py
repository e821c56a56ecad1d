"""Only the product of the low-rank pair is scaled in the backward of the fused form (peft pull
request 2180).
"""

import torch


class Kron(torch.autograd.Function):
    @staticmethod
    def forward(ctx, c, a, b, scale):
        ctx.save_for_backward(c, a, b)
        ctx.scale = scale
        return torch.einsum("pq,ij->piqj", c, (b @ a) * scale).flatten(2).flatten(0, 1)

    @staticmethod
    def backward(ctx, grad):
        c, a, b = ctx.saved_tensors
        block = b @ a
        tiles = grad.reshape(c.shape[0], block.shape[0], c.shape[1], block.shape[1])
        for_c = torch.einsum("piqj,ij->pq", tiles, block)
        for_block = torch.einsum("piqj,pq->ij", tiles, c) * ctx.scale
        return for_c, b.mT @ for_block, for_block @ a.mT, None


def lokr_delta(C, A, B, *, alpha):
    wide = torch.promote_types(C.dtype, torch.float32)
    return Kron.apply(C.to(wide).contiguous(), A.to(wide), B.to(wide), alpha / A.shape[0]).to(
        C.dtype
    )
