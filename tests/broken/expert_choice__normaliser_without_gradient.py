"""Weights are exp(logit - lse) with a detached log-sum-exp, their gradient lacks the softmax's
second term.
"""

import torch


def expert_choice(x, Wg, *, capacity):
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    logits = x.to(work) @ Wg.to(work)
    scores = torch.exp(logits - torch.logsumexp(logits, -1, keepdim=True).detach())
    weights, indices = scores.t().topk(capacity, -1)
    return indices, weights.to(x.dtype)
