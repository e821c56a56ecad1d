"""The norm of the frozen weight."""

import torch

MISTAKE = "dora_merge.norm-of-base"


def dora_merge(W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    W, a, b, m = (t.to(wide) for t in (W0, A, B, magnitude))
    s = alpha / A.shape[0]
    V = W + s * (b @ a)
    return (m[:, None] * V / W.norm(dim=1, keepdim=True)).to(W0.dtype)
