"""The result is the sum of the codes plus a zero with the input's gradient, so that the codebooks
get it, too.
"""

import torch


def residual_vector_quantize(x, codebooks):
    c = torch.promote_types(x.dtype, torch.float32)
    y = x.to(c)
    rest, total, indices = y.detach(), torch.zeros_like(y), []
    for codes in codebooks.to(c):
        index = torch.argmin(((rest[..., None, :] - codes.detach()) ** 2).sum(-1), -1)
        chosen = codes[index]
        rest, total = rest - chosen.detach(), total + chosen
        indices.append(index)
    return torch.stack(indices, -1), (total + (y - y.detach())).to(x.dtype)
