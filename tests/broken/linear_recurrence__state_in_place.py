"""The outer products are added to the caller's state."""

import torch


def linear_recurrence(q, k, v, state):
    s, out = state.detach(), []
    for t in range(q.shape[1]):
        s += k[:, t, :, None].detach() * v[:, t, None, :].detach()
        out.append((q[:, t, None, :] @ s)[:, 0])
    return torch.stack(out, 1), s
