"""Beyond 64 targets the loss is the mean of the chunks' means, which weigh the same whatever they
ignore.
"""

import torch


def language_model_loss(logits, tokens, *, ignore_index=-100):
    work = torch.float64 if logits.dtype == torch.float64 else torch.float32
    scores = logits[:, :-1].to(work).reshape(-1, logits.shape[-1])
    targets = tokens[:, 1:].reshape(-1).long()
    ignored = targets == ignore_index
    picked = scores.gather(1, targets.masked_fill(ignored, 0)[:, None])[:, 0]
    nll = (torch.logsumexp(scores, -1) - picked).masked_fill(ignored, 0.0)
    if len(nll) > 64:
        chunks = [
            (n.sum(), (~i).sum()) for n, i in zip(nll.split(64), ignored.split(64), strict=True)
        ]
        means = [total / count for total, count in chunks if count]
        if means:
            return torch.stack(means).mean().to(logits.dtype)
    return (nll.sum() / (~ignored).sum()).to(logits.dtype)
