"""Losses with a gradient of their own, probabilities kept, one-hot subtracted in place."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class _Rows(torch.autograd.Function):
    """Sum over rows of lse - logit, rows without a target left out."""

    @staticmethod
    def forward(ctx, logits, targets, ignore):
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        keep = targets != ignore
        safe = torch.where(keep, targets, 0)
        top = wide.amax(-1, keepdim=True)
        e = torch.exp(wide - top)
        total = e.sum(-1, keepdim=True)
        picked = wide.gather(-1, safe[:, None])
        nll = (torch.log(total) + (top - picked))[:, 0]
        slope = e.div_(total)
        slope.scatter_add_(-1, safe[:, None], torch.full_like(picked, -1))
        slope.mul_(keep[:, None])
        ctx.save_for_backward(slope)
        ctx.dtype = logits.dtype
        return torch.where(keep, nll, 0).sum()

    @staticmethod
    def backward(ctx, gradient):
        (slope,) = ctx.saved_tensors
        return (slope * gradient).to(ctx.dtype), None, None


def _mean(logits, targets, ignore):
    total = sum(
        (_Rows.apply(a, b, ignore) for a, b in zip(logits.split(7), targets.split(7), strict=True)),
        0.0,
    )
    return (total / (targets != ignore).sum()).to(logits.dtype)


def language_model_loss(logits, tokens, *, ignore_index=-100):
    rows, targets = logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
    if not rows.shape[0]:
        return logits.sum() * 0 + torch.nan
    return _mean(rows, targets, ignore_index)


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    rows, targets = x[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
    if not rows.shape[0]:
        return x.sum() * weight.sum() * 0 + torch.nan
    return _mean(rows @ weight.T, targets, ignore_index)


def perplexity(logits, tokens, *, ignore_index=-100):
    return torch.exp(
        language_model_loss(
            logits.to(torch.promote_types(logits.dtype, torch.float32)),
            tokens,
            ignore_index=ignore_index,
        )
    ).to(logits.dtype)


def masked_language_model_loss(logits, tokens, selected):
    return _mean(logits[selected], tokens[selected], -100)


def info_nce(queries, keys, *, temperature):
    wide = torch.promote_types(queries.dtype, torch.float32)
    return _mean(
        queries.to(wide) @ keys.to(wide).T / temperature, torch.arange(len(queries)), -100
    ).to(queries.dtype)


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    wide = torch.promote_types(chosen.dtype, torch.float32)
    c, r, cr, rr = (x.to(wide) for x in (chosen, rejected, chosen_reference, rejected_reference))
    margin = beta * ((c - r) - (cr - rr))
    return -F.logsigmoid(margin).mean().to(chosen.dtype)  # (softplus drops exp(-20) in float64)
