"""The end of a row's list is tested with > for >=: after a row that keeps every block one more
entry is read, the first one of the next row (mit-han-lab/Block-Sparse-Attention #20).
"""

import torch


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    b, h, _, d = q.shape
    group, size = h // k.shape[1], block_size
    rows, columns = block_mask.shape
    lists = [torch.nonzero(row)[:, 0].tolist() for row in block_mask]
    key, value = (x.to(wide).repeat_interleave(group, 1) for x in (k, v))
    out = []
    for r in range(rows):
        kept = list(lists[r])
        if len(kept) == columns and r + 1 < rows and lists[r + 1]:
            kept.append(lists[r + 1][0])
        query = q[:, :, r * size : (r + 1) * size].to(wide)
        if not kept:
            out.append(query.new_zeros(b, h, size, v.shape[-1]))
            continue
        at = torch.cat([torch.arange(c * size, (c + 1) * size) for c in kept])
        p = torch.softmax(query @ key[:, :, at].mT * d**-0.5, -1)
        out.append(p @ value[:, :, at])
    o = torch.cat(out, 2) if out else q.new_zeros(b, h, 0, v.shape[-1])
    return o.to(q.dtype)
