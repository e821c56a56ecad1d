"""sqrt(E) is rounded to bfloat16 whatever the dtype, as Gemma's first ports did."""

import torch


def input_embedding(tokens, table, positions, *, scaled=False):
    wide = torch.promote_types(table.dtype, torch.float32)
    L = tokens.shape[1]
    if positions.shape[0] < L:
        raise ValueError("too long")
    h = table.to(wide)[tokens]
    if scaled:
        h = h * torch.tensor(table.shape[1] ** 0.5, dtype=torch.bfloat16).to(wide)
    return (h + positions[:L].to(wide)).to(table.dtype)
