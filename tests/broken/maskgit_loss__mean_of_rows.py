"""The mean of the rows' means: the same where rows have as many masked places."""

import torch


def maskgit_loss(logits, tokens, mask):
    wide = torch.promote_types(logits.dtype, torch.float32)
    nll = -torch.log_softmax(logits.to(wide), -1).gather(-1, tokens[..., None]).squeeze(-1)
    m = mask.to(wide)
    rows = mask.any(-1)
    if not bool(rows.any()):
        return torch.full((), float("nan"), dtype=logits.dtype)
    return ((nll * m).sum(-1)[rows] / m.sum(-1)[rows]).mean().to(logits.dtype)
