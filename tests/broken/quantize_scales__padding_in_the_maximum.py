"""The last group is padded before the mean is subtracted, so the padding sets its scale."""
# NVIDIA/Model-Optimizer #183 pads the scales to a multiple of the group.

import torch


def quantize_scales(absmax, *, block_size=256):
    wide = torch.promote_types(absmax.dtype, torch.float32)
    a = absmax.to(wide)
    if a.numel() == 0:
        raise ValueError("no scales")
    mean = a.mean()
    padded = torch.cat([a, a.new_zeros(-a.numel() % block_size)])
    blocks = padded.view(-1, block_size) - mean
    scales = blocks.abs().amax(1)
    scaled = blocks / torch.where(scales > 0, scales, 1.0)[:, None]
    codes = (127 + torch.round(127 * scaled)).reshape(-1)[: a.numel()]
    return codes.to(torch.uint8), scales, mean
