"""alpha // rank: the scaling of a rank that does not divide alpha is cut off."""

import torch


def dylora_linear(x, W0, A, B, *, alpha, rank):
    wide = torch.promote_types(x.dtype, torch.float32)
    scaling = alpha // rank if isinstance(alpha, int) else alpha / rank
    y = x.to(wide)
    update = y @ A[:rank].to(wide).T @ B[:, :rank].to(wide).T
    return (y @ W0.to(wide).T + scaling * update).to(x.dtype)
