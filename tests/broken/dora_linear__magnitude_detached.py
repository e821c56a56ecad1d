"""The ratio of magnitude and norm is detached as a whole, so that the magnitude is not trained."""

import torch


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    V = W0.to(wide) + alpha / A.shape[0] * (B.to(wide) @ A.to(wide))
    ratio = (magnitude.to(wide) / V.norm(dim=1)).detach()
    return (x.to(wide) @ V.T * ratio).to(x.dtype)


CONFORM = {"operators": {"dora_linear": {"differentiable": ["x", "magnitude"]}}}
