"""Threads without any logit merge -inf with -inf: no number for vocabularies below 4 (pytorch
#182867).
"""

import torch


def language_model_loss(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    z = logits[:, :-1].to(wide).flatten(0, 1)
    y = tokens[:, 1:].flatten().long()
    kept = y != ignore_index
    lanes = [z[:, i::4] for i in range(4)]
    none = z.new_full((len(z),), -torch.inf)
    m = torch.stack([p.max(-1).values if p.shape[1] else none for p in lanes]).detach()
    s = torch.stack([torch.exp(p - a[:, None]).sum(-1) for p, a in zip(lanes, m, strict=True)])
    top, total = m[0], s[0]
    for a, b in zip(m[1:], s[1:], strict=True):
        new = torch.maximum(top, a)
        total = total * torch.exp(top - new) + torch.where(
            torch.isinf(a), (a - a) * b, b * torch.exp(a - new)
        )
        top = new
    logp = z.gather(1, torch.where(kept, y, 0)[:, None])[:, 0] - top - torch.log(total)
    return (-torch.where(kept, logp, 0.0).sum() / kept.sum()).to(logits.dtype)
