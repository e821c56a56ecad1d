"""Gradients are made in the forward pass; what comes from above is dropped."""

import torch
import torch.nn.functional as F

MISTAKE = "linear_language_model_loss.upstream-ignored"


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, target, ignored):
        with torch.enable_grad():
            a, b = (t.detach().requires_grad_() for t in (x, weight))
            wide = torch.promote_types(x.dtype, torch.float32)
            loss = F.cross_entropy(a.to(wide) @ b.to(wide).T, target, ignore_index=ignored)
        ctx.save_for_backward(*torch.autograd.grad(loss, (a, b)))
        return loss.detach().to(x.dtype)

    @staticmethod
    def backward(ctx, up):
        dx, dweight = ctx.saved_tensors
        return dx, dweight, None, None


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    rows, target = x[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
    return _Loss.apply(rows, weight, target, ignore_index)
