"""Which assignments find room at their experts."""

from __future__ import annotations

import torch
from torch import Tensor

from conform_kernels._checks import check_device, check_integers
from conform_kernels._dispatch import keep

__all__ = ["moe_dispatch"]


def moe_dispatch(indices: Tensor, *, experts: int, capacity: int) -> Tensor:
    """Whether an assignment is among the first `capacity` of its expert: int[T, k] -> bool[T, k].

    All first choices are served before any second choice, earlier tokens first. indices int64 or
    int32 in 0 .. experts - 1 (ValueError, on a GPU a device-side assertion), any strides; any
    number of experts. Three passes over the indices (counts by block, their sums, places), without
    atomics. Source: Lepikhin et al. 2020, arXiv:2006.16668, algorithm 1.
    """
    check_integers(indices=indices)
    check_device(indices=indices)
    if indices.dim() != 2:
        raise ValueError(f"indices.shape={tuple(indices.shape)}; expected (T, k)")
    if experts < 1 or capacity < 1:
        raise ValueError(f"experts={experts}, capacity={capacity}; expected at least 1 of each")
    if not indices.numel():
        return torch.empty(indices.shape, dtype=torch.bool, device=indices.device)
    fine = ((indices >= 0) & (indices < experts)).all()
    if indices.is_cuda:
        torch._assert_async(fine)
    elif not fine:
        low, high = int(indices.min()), int(indices.max())
        raise ValueError(f"indices from {low} to {high}; expected 0 to {experts - 1}")
    return keep(indices, experts, min(capacity, indices.numel()))
