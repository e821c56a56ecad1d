"""A lone vector is quantised as a batch of one, and its index keeps the dim of that batch."""

import torch


def vector_quantize(x, codebook):
    wide = torch.promote_types(x.dtype, torch.float32)
    flat = x.reshape(-1, x.shape[-1]).to(wide)
    distance = (flat[:, None] - codebook.to(wide)[None]).square().sum(-1)
    indices = distance.argmin(-1)
    codes = codebook[indices].detach().view(x.shape)
    quantized = x - x.detach() + codes if x.requires_grad else codes
    return indices.view(x.shape[:-1] or (1,)), quantized
