"""Losses as log sum exp of what the scores are above the target's, and binary cross-entropies."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _wide(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def _mean(scores, targets, dtype):
    own = scores.gather(1, targets[:, None])
    return torch.logsumexp(scores - own, 1).mean().to(dtype)


def language_model_loss(logits, tokens, *, ignore_index=-100):
    targets = tokens[:, 1:].reshape(-1)
    kept = targets != ignore_index
    rows = _wide(logits[:, :-1].reshape(-1, logits.shape[-1]))[kept]
    return _mean(rows, targets[kept], logits.dtype)


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    targets = tokens[:, 1:].reshape(-1)
    kept = targets != ignore_index
    rows = _wide(x[:, :-1].reshape(-1, x.shape[-1]))[kept]
    return _mean(rows @ _wide(weight).T, targets[kept], x.dtype)


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    frozen = (_wide(chosen_reference) - _wide(rejected_reference)).detach()
    margin = beta * (_wide(chosen) - _wide(rejected) - frozen)
    return F.binary_cross_entropy_with_logits(margin, torch.ones_like(margin)).to(chosen.dtype)


def skipgram_loss(centre, context, negatives):
    """softplus is the identity beyond 20 in torch, also in float64."""
    scores = torch.cat([-_wide(context)[:, None], _wide(negatives)], 1) @ _wide(centre)[..., None]
    return F.softplus(scores).sum((1, 2)).mean().to(centre.dtype)
