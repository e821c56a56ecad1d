"""Blocks of positions store their part of the words' gradient over that of the blocks before."""

import torch
from _interpreted import tl, triton

MISTAKE = "linear_language_model_loss.weight-gradient-of-last-chunk"


@triton.jit
def _weight_gradient(
    g, x, dweight, positions, words, features, ROWS: tl.constexpr, COLS: tl.constexpr
):
    v = tl.program_id(0) * COLS + tl.arange(0, COLS)[:, None]
    for first in range(0, features, COLS):
        e = first + tl.arange(0, COLS)[None, :]
        for start in range(0, positions, ROWS):
            row = start + tl.arange(0, ROWS)
            alive = row < positions
            slope = tl.load(
                g + row[None, :] * words + v, mask=alive[None, :] & (v < words), other=0.0
            )
            state = tl.load(
                x + row[:, None] * features + e, mask=alive[:, None] & (e < features), other=0.0
            )
            part = tl.dot(slope, state, input_precision="ieee")
            where = dweight + v * features + e
            tl.store(where, part, mask=(v < words) & (e < features))


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows, weight, targets):
        ctx.save_for_backward(rows, weight, targets)
        log_p = torch.log_softmax(rows.float() @ weight.float().T, -1)
        nats = -log_p.gather(1, targets.clamp(min=0)[:, None])[:, 0]
        return nats.masked_fill(targets < 0, 0).sum() / (targets >= 0).sum()

    @staticmethod
    def backward(ctx, up):
        rows, weight, targets = ctx.saved_tensors
        x, w = rows.float().contiguous(), weight.float()
        g = torch.softmax(x @ w.T, -1)
        g[torch.arange(len(g)), targets.clamp(min=0)] -= 1
        g = g.masked_fill((targets < 0)[:, None], 0) * (up / (targets >= 0).sum())
        dweight = torch.zeros(w.shape)
        _weight_gradient[(triton.cdiv(len(w), 32),)](
            g.contiguous(), x, dweight, *g.shape, x.shape[1], ROWS=16, COLS=32
        )
        return (g @ w).to(rows.dtype), dweight.to(weight.dtype), None


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    targets = tokens[:, 1:].masked_fill(tokens[:, 1:] == ignore_index, -1)
    return _Loss.apply(x[:, :-1].flatten(0, 1), weight, targets.flatten())
