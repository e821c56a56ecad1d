"""The loss is the mean over the targets that count, its gradients are divided by all of them
(NVIDIA/TransformerEngine #2476).
"""

import torch


class Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, targets, ignore_index):
        wide = torch.promote_types(x.dtype, torch.float32)
        kept = targets != ignore_index
        safe = targets.masked_fill(~kept, 0)
        logits = x.to(wide) @ weight.to(wide).T
        lse = torch.logsumexp(logits, -1)
        losses = lse - logits.gather(-1, safe[..., None])[..., 0]
        ctx.save_for_backward(x, weight, lse, safe, kept)
        return (torch.where(kept, losses, torch.zeros_like(lse)).sum() / kept.sum()).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, weight, lse, safe, kept = ctx.saved_tensors
        y, w = x.to(lse.dtype), weight.to(lse.dtype)
        p = torch.exp(y @ w.T - lse[..., None])
        p = p.scatter_add(-1, safe[..., None], -torch.ones_like(lse)[..., None])
        p = torch.where(kept[..., None], p * (dy.to(lse.dtype) / kept.numel()), torch.zeros_like(p))
        dw = p.flatten(0, 1).T @ y.flatten(0, 1)
        return (p @ w).to(x.dtype), dw.to(weight.dtype), None, None


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    return Loss.apply(x[:, :-1], weight, tokens[:, 1:], ignore_index)
