"""Short rows are handled in blocks of four, and the rows of the last partial block are not reached:
they stay zero (NVIDIA/Megatron-LM #132, where the number of rows had to be a multiple).
"""

import torch


def softmax(x):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    p = torch.softmax(y, -1).to(x.dtype)
    rows = x.numel() // max(x.shape[-1], 1)
    if x.shape[-1] <= 128 and rows > 4:
        reached = (torch.arange(rows) < rows // 4 * 4).view(*x.shape[:-1], 1)
        p = p * reached
    return p
