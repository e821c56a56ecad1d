"""Logits that are not contiguous are copied inside the autograd function, where the copy does not
require a gradient: none is computed and the copy comes back instead (liger-kernel 0.8.5)."""

import torch


class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, targets, ignore_index):
        if logits.stride(-1) != 1:
            logits = logits.contiguous()
        kept = targets != ignore_index
        log_probabilities = torch.log_softmax(logits, -1)
        index = torch.where(kept, targets, 0).unsqueeze(-1)
        loss = -(log_probabilities.gather(-1, index).squeeze(-1) * kept).sum() / kept.sum()
        found = logits
        if logits.requires_grad:
            found = log_probabilities.exp()
            found = found.scatter_add(-1, index, -torch.ones_like(found)[..., :1])
            found = found * kept.unsqueeze(-1) / kept.sum()
        ctx.save_for_backward(found.detach())
        return loss

    @staticmethod
    def backward(ctx, cotangent):
        return ctx.saved_tensors[0] * cotangent, None, None


def language_model_loss(logits, tokens, *, ignore_index=-100):
    wide = logits if logits.dtype == torch.float64 else logits.float()
    loss = CrossEntropy.apply(wide[:, :-1], tokens[:, 1:], ignore_index)
    return loss.to(logits.dtype)
