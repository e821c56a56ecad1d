"""Block-sparse attention that gathers only the visible key blocks of each query block."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    h = q.shape[1]
    k, v = (x.repeat_interleave(h // x.shape[1], dim=1).to(wide) for x in (k, v))
    rows = []
    for i, seen in enumerate(block_mask.unbind()):
        block = q[:, :, i * block_size : (i + 1) * block_size].to(wide)
        chosen = seen.nonzero()[:, 0]
        slots = (chosen[:, None] * block_size + torch.arange(block_size)).flatten()
        s = block @ k[:, :, slots].mT / q.shape[-1] ** 0.5
        rows.append(torch.softmax(s, dim=-1) @ v[:, :, slots])
    return torch.cat(rows, dim=2).to(q.dtype)
