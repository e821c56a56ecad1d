"""The gradients of a page are written, not added: of the sequences that share it one teaches it."""

import torch


class Pick(torch.autograd.Function):
    @staticmethod
    def forward(ctx, pages, table):
        ctx.shape, ctx.table = pages.shape, table
        return pages[table]

    @staticmethod
    def backward(ctx, g):
        out = g.new_zeros(ctx.shape)
        for row, rows in zip(ctx.table, g, strict=True):
            for page, grad in zip(row.tolist(), rows, strict=True):
                if bool(grad.any()):
                    out[page] = grad
        return out, None


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    size = k_pages.shape[1]
    group = q.shape[1] // k_pages.shape[2]
    table = block_table.clamp(0, max(len(k_pages) - 1, 0)).long()
    live = torch.arange(table.shape[1] * size) < lengths[:, None]
    keys, values = (
        Pick.apply(x, table)
        .flatten(1, 2)
        .to(wide)
        .masked_fill(~live[..., None, None], 0.0)
        .transpose(1, 2)
        for x in (k_pages, v_pages)
    )
    keys, values = (x.repeat_interleave(group, 1) for x in (keys, values))
    s = q.to(wide) @ keys.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    hidden = ~live[:, None, None]
    dead = hidden.all(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(hidden & ~dead, -torch.inf), -1).masked_fill(dead, 0.0)
    return (p @ values).to(q.dtype)
