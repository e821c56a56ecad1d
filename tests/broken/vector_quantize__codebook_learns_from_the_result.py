"""The result is the looked-up code plus a zero with the input's gradient, so that the codebook
gets it, too.
"""

import torch


def vector_quantize(x, codebook):
    c = torch.promote_types(x.dtype, torch.float32)
    y, codes = x.to(c), codebook.to(c)
    index = torch.argmin(((y.detach()[..., None, :] - codes.detach()) ** 2).sum(-1), -1)
    return index, (codes[index] + (y - y.detach())).to(x.dtype)
