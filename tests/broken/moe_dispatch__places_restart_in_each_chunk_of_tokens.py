"""Beyond 128 tokens places are counted anew in each chunk of 128 (vllm-project/vllm pull 20392 is
of the kind).
"""

import torch


def moe_dispatch(indices, *, experts, capacity):
    if capacity < 1 or (indices < 0).any() or (indices >= experts).any():
        raise ValueError("out of range")
    T, k = indices.shape
    if T > 128:
        return torch.cat(
            [moe_dispatch(part, experts=experts, capacity=capacity) for part in indices.split(128)]
        )
    hot = torch.nn.functional.one_hot(indices.t().reshape(-1).long(), experts)
    place = (hot.cumsum(0) * hot).sum(-1)
    return (place <= capacity).view(k, T).t().contiguous()
