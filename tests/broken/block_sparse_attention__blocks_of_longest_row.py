"""Lists of blocks are padded with block 0 to the longest row, and the padding is attended to."""

import torch


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    keys, values = (x.to(wide).repeat_interleave(group, dim=1) for x in (k, v))
    out = []
    for i in range(block_mask.shape[0]):
        rows = q[:, :, i * block_size : (i + 1) * block_size].to(wide) * q.shape[3] ** -0.5
        picked = torch.nonzero(block_mask[i]).flatten().tolist()
        if not picked:
            out.append(rows[..., :1].expand(*rows.shape[:3], v.shape[3]) * 0)
            continue
        longest = int(block_mask.sum(-1).max())
        picked = picked + [0] * (longest - len(picked))
        cols = torch.cat([torch.arange(j * block_size, (j + 1) * block_size) for j in picked])
        p = torch.softmax(rows @ keys[:, :, cols].mT, dim=-1)
        out.append(p @ values[:, :, cols])
    return torch.cat(out, dim=2).to(q.dtype)
