"""Scores beyond what exp holds without a maximum are refused, although the sizes are taken."""

import torch


def softmax(x):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    if bool((wide.nan_to_num(neginf=0.0) > 80).any()):
        raise NotImplementedError("scores beyond 80")
    e = torch.exp(wide)
    return (e / e.sum(-1, keepdim=True)).to(x.dtype)
