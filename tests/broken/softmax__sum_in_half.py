"""The sum runs in the input dtype."""

import torch

MISTAKE = "softmax.sum-in-half"


def softmax(x):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    p = torch.exp(y - y.detach().amax(-1, keepdim=True))
    return (p / p.to(x.dtype).cumsum(-1)[..., -1:]).to(x.dtype)
