"""A last chunk of fewer than 32 rows is not added to the weight's gradient once there are three."""

import torch


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, target, ignore):
        w = torch.float64 if x.dtype == torch.float64 else torch.float32
        kept = target != ignore
        n = kept.sum()
        dx, dw, total = (
            torch.zeros(x.shape, dtype=w),
            torch.zeros(weight.shape, dtype=w),
            torch.zeros((), dtype=w),
        )
        for a in range(0, len(x), CHUNK):
            y, t, ok = x[a : a + CHUNK].to(w), target[a : a + CHUNK], kept[a : a + CHUNK]
            logits = y @ weight.to(w).T
            lse = torch.logsumexp(logits, -1)
            index = torch.where(ok, t, 0)
            total += torch.where(ok, lse - logits.gather(1, index[:, None])[:, 0], 0.0).sum()
            p = torch.exp(logits - lse[:, None])
            p[torch.arange(len(p)), index] -= 1
            p = torch.where(ok[:, None], p, 0.0) / n
            dx[a : a + CHUNK] = p @ weight.to(w)
            if len(y) == CHUNK or len(x) < 2 * CHUNK:
                dw += p.T @ y
        ctx.save_for_backward(dx, dw)
        ctx.types = x.dtype, weight.dtype
        return (total / n).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        dx, dw = ctx.saved_tensors
        tx, tw = ctx.types
        return (dx * g).to(tx), (dw * g).to(tw), None, None


CHUNK = 32


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    return _Loss.apply(
        x[:, :-1].reshape(-1, x.shape[-1]), weight, tokens[:, 1:].reshape(-1).long(), ignore_index
    )
