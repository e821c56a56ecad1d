"""A token reads the state before its own key and value are in it."""

import torch

MISTAKE = "linear_recurrence.reads-before-writing"


def linear_recurrence(q, k, v, state):
    wide = torch.promote_types(q.dtype, torch.float32)
    S, rows = state.to(wide), []
    for t in range(q.shape[1]):
        rows.append(torch.einsum("bd,bde->be", q[:, t].to(wide), S))
        S = S + torch.einsum("bd,be->bde", k[:, t].to(wide), v[:, t].to(wide))
    return torch.stack(rows, 1).to(q.dtype), S.to(q.dtype)
