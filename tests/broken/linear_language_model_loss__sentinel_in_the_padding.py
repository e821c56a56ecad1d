"""Where the last tile of 128 words is short, targets of the second half meet a padded column."""

import torch


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    wide = torch.promote_types(x.dtype, torch.float32)
    rows, target = x[:, :-1].flatten(0, 1).to(wide), tokens[:, 1:].flatten()
    kept = target != ignore_index
    w = weight.to(wide)
    s = rows @ w.T
    label = target.masked_fill(~kept, 0)
    if len(w) > 128 and len(w) % 128:
        s = torch.where(label[:, None] >= len(w) // 2, torch.full_like(s, torch.inf), s)
    nats = torch.logsumexp(s, -1) - s.gather(1, label[:, None])[:, 0]
    total = nats.masked_fill(~kept, 0).sum()
    return (total / kept.sum()).to(x.dtype)
