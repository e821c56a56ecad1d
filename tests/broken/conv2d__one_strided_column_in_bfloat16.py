"""In bfloat16 a strided output of one column loses its last column of taps (pytorch pull request
188426).
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
    if dtype == torch.bfloat16 and wo == 1 and stride > 1 and k > 1:
        w = torch.cat([w[..., :-1], 0 * w[..., -1:]], -1)
    out = x.new_zeros(b, groups, o // groups, ho, wo)
    for u in range(k):
        for v in range(k):
            part = x[
                ..., u : u + (ho - 1) * stride + 1 : stride, v : v + (wo - 1) * stride + 1 : stride
            ]
            out = out + torch.einsum("bgchw,goc->bgohw", part, w[..., u, v])
    return (out.reshape(b, o, ho, wo) + bias.to(wide)[:, None, None]).to(dtype)
