"""Residual quantisation as codecs train it: each stage is x + (q - x).detach(), one by one."""

import torch


def residual_vector_quantize(x, codebooks):
    wide = torch.promote_types(x.dtype, torch.float32)
    given = x.to(wide)
    rest, total, indices = given, 0.0, []
    for book in codebooks.detach().to(wide):
        near = (rest.detach()[..., None, :] - book).square().sum(-1).argmin(-1)
        code = rest + (book[near] - rest).detach()
        rest = rest - code
        total = total + code
        indices.append(near)
    return torch.stack(indices, -1), total.to(x.dtype)
