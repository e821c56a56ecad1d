"""The streaming buffer holds 64 steps, older ones count as zero."""

import torch
import torch.nn.functional as F


def dilated_stack(x, W, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide).transpose(1, 2)
    L = h.shape[-1]
    for n in range(len(W)):
        d, K = 2**n, W.shape[1]
        y = b[n].to(wide)[None, :, None].expand(h.shape[0], -1, L)
        for j in range(K):
            back = (K - 1 - j) * d
            if back < min(L, 64):
                y = y + torch.einsum("bel,eo->bol", F.pad(h, (back, 0))[..., :L], W[n, j].to(wide))
        h = torch.relu(y) if n + 1 < len(W) else y
    return h.transpose(1, 2).to(x.dtype)
