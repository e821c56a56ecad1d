"""ms-swift: of the vocabulary's four shards, those that do not hold the target get no gradient."""

import torch


class Nats(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target, ignore):
        lse = logits.logsumexp(-1)
        keep = target != ignore
        place = torch.where(keep, target, 0)
        nats = lse - logits.gather(-1, place.unsqueeze(-1)).squeeze(-1)
        ctx.save_for_backward(logits, lse, place, keep)
        return nats.masked_fill(~keep, 0.0).sum() / keep.sum()

    @staticmethod
    def backward(ctx, d):
        logits, lse, place, keep = ctx.saved_tensors
        p = torch.exp(logits - lse.unsqueeze(-1))
        one = torch.zeros_like(p).scatter_(-1, place.unsqueeze(-1), 1.0)
        shard = -(-p.shape[-1] // 4)
        own = torch.arange(p.shape[-1]) // shard == (place // shard).unsqueeze(-1)
        grad = (p - one) * keep.unsqueeze(-1) * own
        return grad * (d / keep.sum()), None, None


def language_model_loss(logits, tokens, *, ignore_index=-100):
    work = torch.promote_types(logits.dtype, torch.float32)
    rows, target = logits[:, :-1].to(work), tokens[:, 1:].long()
    return Nats.apply(rows, target, ignore_index).to(logits.dtype)
