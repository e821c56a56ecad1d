"""Rows of the logits are found at row * experts, although they are padded to a multiple of
eight.
"""

import torch


def router(x, Wg, *, top_k=1):
    tokens, n = x.shape[0], Wg.shape[1]
    if not 1 <= top_k <= n:
        raise ValueError(f"top_k={top_k}")
    wide = torch.promote_types(x.dtype, torch.float32)
    room = -(-n // 8) * 8
    rows = (
        torch.zeros(tokens, room, dtype=wide) if tokens > 4 else torch.zeros(tokens, n, dtype=wide)
    )
    rows[:, :n] = (x @ Wg).to(wide)
    logits = rows.flatten()[: tokens * n].view(tokens, n)
    weights, indices = torch.topk(torch.softmax(logits, -1), top_k, dim=-1)
    return indices, weights.to(x.dtype)
