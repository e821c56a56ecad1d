"""Chunks of six positions whose gradients are made in the forward pass and scaled later."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows, weight, target, kept):
        wide = torch.promote_types(rows.dtype, torch.float32)
        words, count = weight.to(wide), kept.sum()
        total, dwords, drows = words.new_zeros(()), torch.zeros_like(words), []
        for a, t, k in zip(rows.split(6), target.split(6), kept.split(6), strict=True):
            log_p = torch.log_softmax(a.to(wide) @ words.T, -1)
            total += -log_p.gather(1, t[:, None])[:, 0].masked_fill(~k, 0).sum()
            slope = log_p.exp()
            slope[torch.arange(len(t)), t] -= 1
            slope = slope.masked_fill(~k[:, None], 0) / count.clamp(min=1)
            drows.append(slope @ words)
            dwords += slope.T @ a.to(wide)
        ctx.save_for_backward(torch.cat(drows), dwords)
        return (total / count).to(rows.dtype)

    @staticmethod
    def backward(ctx, up):
        drows, dwords = ctx.saved_tensors
        return (up * drows).to(up.dtype), (up * dwords).to(up.dtype), None, None


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    target = tokens[:, 1:].flatten()
    kept = target != ignore_index
    return _Loss.apply(x[:, :-1].flatten(0, 1), weight, target.masked_fill(~kept, 0), kept)
