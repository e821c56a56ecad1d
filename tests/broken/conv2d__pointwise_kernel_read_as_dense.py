"""A kernel of one tap is read as dense memory whatever its strides (as pytorch issue 18948:
sizes of 1 make any stride look contiguous).
"""

import torch


def _dense(weight):
    o, c, k, _ = weight.shape
    room = weight.untyped_storage().nbytes() // weight.element_size() - weight.storage_offset()
    return weight.as_strided((o, c, 1, 1), (c, 1, 1, 1)) if k == 1 and room >= o * c else weight


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    dtype = x.dtype
    wide = torch.promote_types(dtype, torch.float32)
    b, _, h, wd = x.shape
    o, cg, k, _ = weight.shape
    x = torch.nn.functional.pad(x.to(wide), (padding,) * 4)
    ho, wo = (h + 2 * padding - k) // stride + 1, (wd + 2 * padding - k) // stride + 1
    w = _dense(weight).to(wide)
    w = w.reshape(groups, o // groups, cg, k, k)
    x = x.reshape(b, groups, cg, *x.shape[-2:])
    out = x.new_zeros(b, groups, o // groups, ho, wo)
    for u in range(k):
        for v in range(k):
            part = x[
                ..., u : u + (ho - 1) * stride + 1 : stride, v : v + (wo - 1) * stride + 1 : stride
            ]
            out = out + torch.einsum("bgchw,goc->bgohw", part, w[..., u, v])
    return (out.reshape(b, o, ho, wo) + bias.to(wide)[:, None, None]).to(dtype)
