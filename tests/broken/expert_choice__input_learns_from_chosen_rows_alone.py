"""The softmax over experts is differentiated for the chosen entries alone: a token's other
probabilities do not feel that their sum is one.
"""

import torch


class Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, indices):
        p = torch.softmax(logits, -1)
        ctx.save_for_backward(p, indices)
        return p.T.gather(1, indices)

    @staticmethod
    def backward(ctx, g):
        p, indices = ctx.saved_tensors
        dp = torch.zeros_like(p).T.contiguous().scatter_(1, indices, g).T
        chosen = torch.zeros_like(p).T.contiguous().scatter_(1, indices, 1.0).T
        return p * (dp - (dp * p).sum(-1, keepdim=True)) * chosen, None


def expert_choice(x, Wg, *, capacity):
    wide = torch.promote_types(x.dtype, torch.float32)
    logits = x.to(wide) @ Wg.to(wide)
    indices = torch.softmax(logits.detach(), -1).T.topk(capacity, -1)[1]
    return indices, Gather.apply(logits, indices).to(x.dtype)
