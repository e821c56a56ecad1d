"""Channels are dealt out to the groups in turn instead of in runs."""

import torch
import torch.nn.functional as F


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    outs = [
        F.conv2d(x[:, g::groups].to(wide), weight.chunk(groups)[g].to(wide), None, stride, padding)
        for g in range(groups)
    ]
    return (torch.cat(outs, 1) + bias.to(wide)[:, None, None]).to(x.dtype)
