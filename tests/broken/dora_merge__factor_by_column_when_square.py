"""A square weight is taken for a transposed one: the factor stands at its columns (peft #3531)."""

import torch


def dora_merge(W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    v = W0.to(wide) + alpha / A.shape[0] * (B.to(wide) @ A.to(wide))
    norm = torch.linalg.vector_norm(v, dim=1)
    factor = torch.where(norm > 0, magnitude.to(wide) / torch.where(norm > 0, norm, 1.0), 0.0)
    out = v * (factor[None, :] if v.shape[0] == v.shape[1] else factor[:, None])
    return out.to(W0.dtype)
