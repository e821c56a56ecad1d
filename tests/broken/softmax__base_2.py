"""Two to the power of the logits."""

import torch

MISTAKE = "softmax.base-two"


def softmax(x):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    p = torch.exp2(y - y.detach().amax(-1, keepdim=True))
    return (p / p.sum(-1, keepdim=True)).to(x.dtype)
