"""Scale and zero point computed on tensors of float32, as quantisation libraries do."""

import torch

CONFORM = {
    "operators": {"affine_parameters": {"conventions": {"compute_dtype": "float32"}}},
}


def affine_parameters(low, high, *, bits=8):
    ends = torch.tensor([low, high, 0.0])
    least, most = ends.min(), ends.max()
    if not most > least:
        raise ValueError(f"low={low}, high={high}: the range is empty")
    scale = (most - least) / (2**bits - 1)
    zero = torch.clamp(-torch.round(least / scale), 0, 2**bits - 1)
    return scale.item(), int(zero)
