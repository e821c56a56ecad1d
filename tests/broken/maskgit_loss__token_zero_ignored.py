"""Token 0 is taken for padding and does not count."""

import torch


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def maskgit_loss(logits, tokens, mask):
    d = up(logits)
    nats = -torch.log_softmax(logits.to(d), -1).gather(-1, tokens.long()[..., None])[..., 0]
    m = mask & (tokens != 0)
    return (torch.where(m, nats, 0.0).sum() / m.sum()).to(logits.dtype)
