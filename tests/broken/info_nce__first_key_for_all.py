"""Every query takes the first key for its own."""

import torch


def info_nce(queries, keys, *, temperature):
    wide = torch.promote_types(queries.dtype, torch.float32)
    logits = queries.to(wide) @ keys.to(wide).T / temperature
    label = torch.zeros(len(queries), dtype=torch.long)
    return torch.nn.functional.cross_entropy(logits, label).to(queries.dtype)
