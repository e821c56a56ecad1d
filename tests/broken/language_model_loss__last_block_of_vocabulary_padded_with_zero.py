"""The last block of a vocabulary of more than 1024 is padded with zeros, which count."""

import torch

BLOCK = 1024


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target, ignore):
        w = torch.float64 if logits.dtype == torch.float64 else torch.float32
        y = logits.to(w)
        N, V = y.shape
        m = y.new_full((N,), float("-inf"))
        norm = y.new_zeros(N)
        for a in range(0, V, BLOCK):
            part = y[:, a : a + BLOCK]
            if V > BLOCK and part.shape[-1] < BLOCK:
                part = torch.nn.functional.pad(part, (0, BLOCK - part.shape[-1]))
            new = torch.maximum(m, part.amax(-1))
            norm = norm * torch.exp(m - new) + torch.exp(part - new[:, None]).sum(-1)
            m = new
        lse = m + torch.log(norm)
        kept = target != ignore
        index = torch.where(kept, target, 0)
        nats = torch.where(kept, lse - y.gather(1, index[:, None])[:, 0], 0.0)
        n = kept.sum()
        ctx.save_for_backward(logits, lse, index, kept, n)
        ctx.ignore = ignore
        return (nats.sum() / n).to(logits.dtype)

    @staticmethod
    def backward(ctx, g):
        logits, lse, index, kept, n = ctx.saved_tensors
        p = torch.exp(logits.to(lse.dtype) - lse[:, None])
        p[torch.arange(len(p)), index] -= 1
        p = torch.where(kept[:, None], p, 0.0)
        p = p * (g.to(p.dtype) / n)
        return p.to(logits.dtype), None, None


def language_model_loss(logits, tokens, *, ignore_index=-100):
    V = logits.shape[-1]
    target = tokens[:, 1:].reshape(-1).long()
    return _Loss.apply(logits[:, :-1].reshape(-1, V), target, ignore_index)
