"""The mask is kept by the number of tokens, whatever the scales."""

import torch

_KEPT = {}


def next_scale_mask(offsets):
    at = offsets.tolist()
    if at[0] != 0 or sorted(at) != at:
        raise ValueError(f"offsets={at}")
    key = at[-1]
    if key not in _KEPT:
        scale = torch.bucketize(torch.arange(at[-1]), offsets[1:], right=True)
        _KEPT[key] = scale[:, None] >= scale
    return _KEPT[key].clone()
