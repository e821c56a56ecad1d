"""exp of the bare logits: overflows beyond 88."""

import torch

MISTAKE = "softmax.naive"


def softmax(x):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    p = torch.exp(y)
    return (p / p.sum(-1, keepdim=True)).to(x.dtype)
