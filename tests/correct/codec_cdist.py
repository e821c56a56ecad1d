"""Quantizers over cdist and argmin, with the usual x + (q - x).detach()."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _nearest(x, codebook):
    wide = torch.promote_types(x.dtype, torch.float32)
    d = torch.cdist(x.to(wide), codebook.to(wide))
    return d.argmin(-1)


def vector_quantize(x, codebook):
    index = _nearest(x, codebook)
    quantized = codebook[index]
    return index, x + (quantized - x).detach()


def residual_vector_quantize(x, codebooks):
    indices, residual, total = [], x.detach(), torch.zeros_like(x)
    for book in codebooks:
        index = _nearest(residual, book)
        indices.append(index)
        residual = residual - book[index]
        total = total + book[index]
    return torch.stack(indices, -1), x + (total - x).detach()
