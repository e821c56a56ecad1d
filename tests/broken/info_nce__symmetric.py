"""Both directions are averaged, as for two modalities."""

import torch
import torch.nn.functional as F


def info_nce(queries, keys, *, temperature):
    if queries.shape != keys.shape or temperature <= 0:
        raise ValueError("shapes")
    wide = torch.promote_types(queries.dtype, torch.float32)
    s, own = queries.to(wide) @ keys.to(wide).T / temperature, torch.arange(len(queries))
    return ((F.cross_entropy(s, own) + F.cross_entropy(s.T, own)) / 2).to(queries.dtype)
