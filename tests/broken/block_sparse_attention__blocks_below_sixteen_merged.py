"""Blocks below 16 are merged to the kernel's tile, read whole if any block of it is kept."""

import torch


class Sparse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, mask, size):
        see = mask.repeat_interleave(size, 0).repeat_interleave(size, 1)
        s = (q @ k.mT * q.shape[-1] ** -0.5).masked_fill(~see, torch.finfo(q.dtype).min)
        p = torch.softmax(s, -1) * see
        ctx.save_for_backward(q, k, v, p)
        ctx.size, ctx.mask = size, mask
        return p @ v

    @staticmethod
    def backward(ctx, g):
        q, k, v, p = ctx.saved_tensors
        dp = g @ v.mT
        ds = p * (dp - (p * dp).sum(-1, keepdim=True)) * q.shape[-1] ** -0.5
        # keys walk the list of the query blocks that see them
        of_column = ctx.mask
        size = ctx.size
        dk, dv = torch.zeros_like(k), torch.zeros_like(v)
        for j in range(of_column.shape[1]):
            rows = of_column[:, j].nonzero()[:, 0].tolist()
            cut = slice(j * size, (j + 1) * size)
            for i in rows:
                at = slice(i * size, (i + 1) * size)
                dk[:, :, cut] += ds[:, :, at, cut].mT @ q[:, :, at]
                dv[:, :, cut] += p[:, :, at, cut].mT @ g[:, :, at]
        return ds @ k, dk, dv, None, None


def merged(mask, size):
    n = 16 // size
    if size >= 16 or mask.shape[0] % n or mask.shape[1] % n:
        return mask
    r, c = mask.shape
    tile = mask.view(r // n, n, c // n, n).any(3).any(1)
    return tile.repeat_interleave(n, 0).repeat_interleave(n, 1)


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    block_mask = merged(block_mask, block_size)
    wide = torch.promote_types(q.dtype, torch.float32)
    g = q.shape[1] // k.shape[1]
    k32, v32 = (x.to(wide).repeat_interleave(g, 1) for x in (k, v))
    return Sparse.apply(q.to(wide), k32, v32, block_mask, block_size).to(q.dtype)
