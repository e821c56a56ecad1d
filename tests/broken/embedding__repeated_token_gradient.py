"""Only one occurrence of a repeated token passes its gradient on."""

import torch


def embedding(tokens, table):
    flat = tokens.reshape(-1)
    first = torch.tensor([t not in flat[:n].tolist() for n, t in enumerate(flat.tolist())])
    rows = torch.where(first[:, None], table[flat], table[flat].detach())
    return rows.reshape(*tokens.shape, table.shape[1])
