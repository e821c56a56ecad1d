"""alpha is divided by the full rank."""

import torch

MISTAKE = "dylora_linear.scaled-by-full-rank"


def dylora_linear(x, W0, A, B, *, alpha, rank):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, W, a, b = (t.to(wide) for t in (x, W0, A, B))
    return (y @ W.T + alpha / len(A) * (y @ a[:rank].T @ b[:, :rank].T)).to(x.dtype)
