"""A row of -inf gives zeros, not NaN."""

import torch

MISTAKE = "softmax.empty-row-zero"


def softmax(x):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    p = torch.exp(y - y.detach().amax(-1, keepdim=True))
    p = torch.nan_to_num(p)
    return (
        (p / p.sum(-1, keepdim=True).clamp(min=1)).to(x.dtype)
        if not p.sum(-1).all()
        else (p / p.sum(-1, keepdim=True)).to(x.dtype)
    )
