"""Contrastive losses in float32 by blockwise log-sum-exps, which meet the own logit elsewhere."""

import math

import torch
import torch.nn.functional as F


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def softplus(z):
    return torch.logaddexp(torch.zeros_like(z), z)


def rows_lse(a, b, scale, block=16):
    """Log-sum-exp over all columns of a b^T / scale, blocks of columns merged by logaddexp."""
    lse = None
    for part in b.split(block):
        one = torch.logsumexp(a @ part.T * scale, -1)
        lse = one if lse is None else torch.logaddexp(lse, one)
    return lse


def clip_loss(image, text, *, temperature):
    if temperature <= 0 or image.shape != text.shape:
        raise ValueError("pairs or temperature do not fit")
    a, b = F.normalize(up(image), dim=-1, eps=0.0), F.normalize(up(text), dim=-1, eps=0.0)
    own = (a * b).sum(-1) / temperature
    return (
        (rows_lse(a, b, 1 / temperature) + rows_lse(b, a, 1 / temperature)).mean() / 2 - own.mean()
    ).to(image.dtype)


def clip_logits(image, text, *, temperature):
    a, b = (up(t) * torch.rsqrt(up(t).square().sum(-1, keepdim=True)) for t in (image, text))
    return (a @ b.T * (1 / temperature)).to(image.dtype)


def info_nce(queries, keys, *, temperature):
    q, k = up(queries), up(keys)
    return (
        (rows_lse(q, k, 1 / temperature) - (q * k).sum(-1) / temperature).mean().to(queries.dtype)
    )


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    if beta <= 0:
        raise ValueError("beta must be positive")
    z = (up(chosen) - up(chosen_reference) - (up(rejected) - up(rejected_reference))) * beta
    return softplus(-z).mean().to(chosen.dtype)


def skipgram_loss(centre, context, negatives):
    v = up(centre)
    a, n = (v * up(context)).sum(-1), torch.bmm(up(negatives), v[:, :, None]).squeeze(-1)
    return (softplus(-a) + softplus(n).sum(-1)).mean().to(centre.dtype)


def perplexity(logits, tokens, *, ignore_index=-100):
    f, t = up(logits[:, :-1]) / math.log(2), tokens[:, 1:]
    keep = t != ignore_index
    m = f.amax(-1, keepdim=True)
    lse = (m + torch.log2(torch.exp2(f - m).sum(-1, keepdim=True))).squeeze(-1)
    nll = lse - f.gather(-1, torch.where(keep, t, 0).long()[..., None]).squeeze(-1)
    return torch.exp2(torch.where(keep, nll, 0.0).sum() / keep.sum()).to(logits.dtype)


CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}
