"""Grouped convolution in blocks of eight outputs reads whole fours of a group's inputs, and of
two the first (pytorch issue 19912).
"""

import torch


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    dtype = x.dtype
    wide = torch.promote_types(dtype, torch.float32)
    b, _, h, wd = x.shape
    o, cg, k, _ = weight.shape
    x = torch.nn.functional.pad(x.to(wide), (padding,) * 4)
    ho, wo = (h + 2 * padding - k) // stride + 1, (wd + 2 * padding - k) // stride + 1
    w = weight.to(wide)
    w = w.reshape(groups, o // groups, cg, k, k)
    x = x.reshape(b, groups, cg, *x.shape[-2:])
    if groups > 1 and (o // groups) % 8 == 0 and cg % 4:
        x = torch.cat([x[:, :, : max(cg // 4 * 4, 1)], 0 * x[:, :, max(cg // 4 * 4, 1) :]], 2)
    out = x.new_zeros(b, groups, o // groups, ho, wo)
    for u in range(k):
        for v in range(k):
            part = x[
                ..., u : u + (ho - 1) * stride + 1 : stride, v : v + (wo - 1) * stride + 1 : stride
            ]
            out = out + torch.einsum("bgchw,goc->bgohw", part, w[..., u, v])
    return (out.reshape(b, o, ho, wo) + bias.to(wide)[:, None, None]).to(dtype)
