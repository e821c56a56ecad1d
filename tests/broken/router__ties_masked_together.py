"""The second choice is taken after all entries equal to the first maximum have been masked."""

import torch


def router(x, Wg, *, top_k=1):
    if not 1 <= top_k <= Wg.shape[1]:
        raise ValueError(f"top_k={top_k}")
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax(x.to(wide) @ Wg.to(wide), -1)
    left, picks = p.detach().clone(), []
    for _ in range(top_k):
        best = left.amax(-1, keepdim=True)
        picks.append(left.argmax(-1))
        left = left.masked_fill(left == best, -1.0)
    indices = torch.stack(picks, -1)
    return indices, p.gather(1, indices).to(x.dtype)
