"""The straight-through estimator detaches the wrong term: no gradient reaches the point."""

import torch

MISTAKE = "vector_quantize.gradient-blocked"


def vector_quantize(x, codebook):
    d = torch.cdist(x.float(), codebook.float())
    index = d.argmin(-1)
    quantized = codebook[index].detach()
    return index, quantized + 0 * (quantized - x)
