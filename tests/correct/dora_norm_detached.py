"""DoRA whose norm gets no gradient, as the paper suggests; not declared, so not asked."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, W, a, b, m = (t.to(wide) for t in (x, W0, A, B, magnitude))
    V = W + alpha / len(A) * (b @ a)
    ratio = m / V.detach().norm(dim=1)
    return (ratio * (y @ V.T)).to(x.dtype)
