"""Logits that end at a vocabulary's padding are taken by the row's width, not its stride, in
backward.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target, ignore):
        wide = torch.promote_types(logits.dtype, torch.float32)
        z = logits.to(wide)
        lse = torch.logsumexp(z, -1)
        keep = target != ignore
        safe = torch.where(keep, target, 0)
        loss = lse - z.gather(-1, safe[:, None])[:, 0]

        ctx.save_for_backward(logits, safe, keep, lse)
        return torch.where(keep, loss, 0.0).sum() / keep.sum()

    @staticmethod
    def backward(ctx, up):
        logits, safe, keep, lse = ctx.saved_tensors
        z = logits.to(lse.dtype)
        n = keep.sum()
        g = torch.exp(z - lse[:, None])
        if not logits.is_contiguous() and logits.stride(-1) == 1:
            flat = torch.as_strided(
                logits, logits.shape, (logits.shape[1], 1), logits.storage_offset()
            )
            g = torch.exp(flat.to(lse.dtype) - lse[:, None])
        g = g - torch.nn.functional.one_hot(safe, z.shape[-1]).to(g.dtype)

        g = torch.where(keep[:, None], g, 0.0) * up / n
        return g.to(logits.dtype), None, None


def language_model_loss(logits, tokens, *, ignore_index=-100):
    v = logits.shape[-1]

    flat = logits[:, :-1].reshape(-1, v)
    target = tokens[:, 1:].reshape(-1).long()
    return Loss.apply(flat, target, ignore_index).to(logits.dtype)
