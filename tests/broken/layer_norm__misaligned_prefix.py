"""Where a tensor starts off a 16-byte line, the features before the line are counted wrong."""

import torch


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    off = x.storage_offset() * x.element_size() % 16
    if off and x.shape[-1] >= 64:
        y = torch.cat(
            [
                y[..., : (16 - off) // x.element_size()] * 0,
                y[..., (16 - off) // x.element_size() :],
            ],
            -1,
        )
    centred = y - y.mean(-1, keepdim=True)
    variance = centred.square().mean(-1, keepdim=True)
    out = centred * torch.rsqrt(variance + eps) * gamma + beta
    return out.to(x.dtype)
