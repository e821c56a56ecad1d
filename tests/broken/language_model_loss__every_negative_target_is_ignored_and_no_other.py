"""A target is ignored where it is negative instead of where it equals ignore_index, which may be a
token.
"""

import torch


def language_model_loss(logits, tokens, *, ignore_index=-100):
    work = torch.float64 if logits.dtype == torch.float64 else torch.float32
    scores = logits[:, :-1].to(work).reshape(-1, logits.shape[-1])
    targets = tokens[:, 1:].reshape(-1).long()
    ignored = targets < 0
    picked = scores.gather(1, targets.masked_fill(ignored, 0)[:, None])[:, 0]
    nll = (torch.logsumexp(scores, -1) - picked).masked_fill(ignored, 0.0)
    return (nll.sum() / (~ignored).sum()).to(logits.dtype)
