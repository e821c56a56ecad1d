"""Experts take the tokens of largest logit; the probabilities come afterwards."""

import torch


def expert_choice(x, Wg, *, capacity):
    wide = torch.promote_types(x.dtype, torch.float32)
    logits = x.to(wide) @ Wg.to(wide)
    p = torch.softmax(logits, -1).T
    i = logits.T.topk(capacity, -1)[1]
    w = p.gather(1, i)
    w, order = w.sort(dim=-1, descending=True, stable=True)
    return i.gather(1, order), w.to(x.dtype)
