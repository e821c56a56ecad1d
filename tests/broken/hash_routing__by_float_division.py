"""The remainder is computed by a float32 product with the reciprocal."""

import torch


def hash_routing(tokens, *, experts):
    if experts < 1:
        raise ValueError("experts: expected at least 1")
    ids = tokens.to(torch.float32)
    return (ids - torch.floor(ids * (1.0 / experts)) * experts).to(torch.int64)
