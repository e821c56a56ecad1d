"""Ranks above eight are cut to a multiple of eight."""

import torch


def dylora_linear(x, W0, A, B, *, alpha, rank):
    if not 1 <= rank <= len(A):
        raise ValueError(f"rank={rank}")
    wide = torch.promote_types(x.dtype, torch.float32)
    used = rank if rank < 8 else rank // 8 * 8
    y = x.to(wide)
    update = y @ A[:used].to(wide).T @ B[:, :used].to(wide).T
    return (y @ W0.to(wide).T + alpha / rank * update).to(x.dtype)
