"""The second choice is the argmax again: nothing was masked after the first."""

import torch

MISTAKE = "router.same-expert-twice"


def router(x, Wg, *, top_k=1):
    p = torch.softmax((x @ Wg).float(), -1)
    picks = [p.argmax(-1) for _ in range(top_k)]
    indices = torch.stack(picks, -1)
    return indices, p.gather(1, indices).to(x.dtype)
