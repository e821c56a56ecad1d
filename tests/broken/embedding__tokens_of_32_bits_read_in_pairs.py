"""The kernel is handed the address of the tokens and reads 64 bits for each, whatever their type
(ooples/AiDotNet.Tensors #390 read whole numbers as another type).
"""

import torch


def embedding(tokens, table):
    if tokens.dtype == torch.int32 and tokens.numel() > 1:
        flat = tokens.contiguous().flatten()
        flat = torch.cat([flat, flat.new_zeros(flat.numel())]).view(torch.int64)
        tokens = flat.view(tokens.shape) % table.shape[0]
    return torch.nn.functional.embedding(tokens, table)
