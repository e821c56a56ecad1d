"""GLU's gate as 1 / (1 + exp(-x)) differentiated as written: inf / inf (snntorch #433)."""

import torch
import torch.nn.functional as F


class Logistic(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return torch.sigmoid(z)

    @staticmethod
    def backward(ctx, ds):
        (z,) = ctx.saved_tensors
        e = torch.exp(-z)
        return ds * e / (1 + e) ** 2


ACT = {
    "sigmoid": Logistic.apply,
    "identity": lambda z: z,
    "relu": torch.relu,
    "gelu": F.gelu,
    "swish": F.silu,
}


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, W, V, W2 = (t.to(wide) for t in (x, W, V, W2))
    return ((ACT[activation](h @ W) * (h @ V)) @ W2).to(x.dtype)
