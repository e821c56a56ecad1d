"""Next-token cross entropy with a running log-sum-exp, forward and backward."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import check_device, check_floats, check_integers
from conform_kernels._config import row_tile

__all__ = ["language_model_loss"]


@triton.jit
def _forward(
    logits, targets, loss, lse, rows, columns, ignored, strides, per_batch,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """loss = lse - logit of the target (0 where ignored) for ROWS positions; each logit read once.

    Row r is position r % per_batch of batch r // per_batch; targets, loss and lse are contiguous.
    """
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    alive = row < rows
    target = tl.load(targets + row, mask=alive, other=ignored).to(tl.int64)
    counted = alive & (target != ignored)
    base = logits + row // per_batch * strides[0] + row % per_batch * strides[1]
    top = tl.full([ROWS], -float("inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    hit = tl.zeros([ROWS], tl.float32)
    for start in range(0, columns, COLS):
        at = (start + tl.arange(0, COLS)).to(tl.int64)[None, :]
        # A row that is ignored is not read at all.
        keep = counted[:, None] & (at < columns)
        v = tl.load(base[:, None] + at * strides[2], mask=keep, other=-float("inf")).to(tl.float32)
        new = tl.maximum(top, tl.max(v, 1))
        reference = tl.where(new == -float("inf"), 0.0, new)
        total = total * tl.exp(top - reference) + tl.sum(tl.exp(v - reference[:, None]), 1)
        hit += tl.sum(tl.where(at == target[:, None], v, 0.0), 1)
        top = new
    log_total = tl.log(tl.where(counted, total, 1.0))
    # The large parts cancel first: top - hit is exact where they are close.
    tl.store(loss + row, tl.where(counted, (top - hit) + log_total, 0.0), mask=alive)
    tl.store(lse + row * 2, tl.where(counted, top, 0.0), mask=alive)
    tl.store(lse + row * 2 + 1, log_total, mask=alive)


@triton.jit
def _backward(
    logits, targets, lse, weight, grad, rows, columns, ignored, strides, per_batch,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """grad = weight (softmax - one hot of the target), 0 for rows without a counted target.

    Row r is position r % (per_batch + 1) of its batch, the last of which predicts nothing; grad is
    contiguous [batches, per_batch + 1, columns].
    """
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    alive = row < rows
    batch, place = row // (per_batch + 1), row % (per_batch + 1)
    predicts = alive & (place < per_batch)
    source = batch * per_batch + place
    target = tl.load(targets + source, mask=predicts, other=ignored).to(tl.int64)
    counted = predicts & (target != ignored)
    top = tl.load(lse + source * 2, mask=counted, other=0.0)
    log_total = tl.load(lse + source * 2 + 1, mask=counted, other=0.0)
    scale = tl.load(weight)
    base = logits + batch * strides[0] + place * strides[1]
    for start in range(0, columns, COLS):
        at = (start + tl.arange(0, COLS)).to(tl.int64)[None, :]
        keep = alive[:, None] & (at < columns)
        v = tl.load(base[:, None] + at * strides[2], mask=keep & counted[:, None], other=0.0)
        p = tl.exp((v.to(tl.float32) - top[:, None]) - log_total[:, None])
        g = (p - tl.where(at == target[:, None], 1.0, 0.0)) * scale
        g = tl.where(counted[:, None], g, 0.0)
        tl.store(grad + row[:, None] * columns + at, g, mask=keep)


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits: Tensor, targets: Tensor, ignored: int) -> Tensor:
        _batch, per_batch = targets.shape
        columns, rows = logits.shape[2], targets.numel()
        loss = torch.empty(rows, dtype=torch.float32, device=logits.device)
        lse = torch.empty(rows, 2, dtype=torch.float32, device=logits.device)
        if rows:
            tile = row_tile(columns)
            _forward[(triton.cdiv(rows, tile.rows),)](
                logits, targets, loss, lse, rows, columns, ignored, logits.stride(), per_batch,
                ROWS=tile.rows, COLS=tile.columns, num_warps=tile.num_warps,
            )  # fmt: skip
        # 0 / 0 = NaN where no target counts.
        weight = 1.0 / (targets != ignored).sum().to(torch.float32)
        ctx.save_for_backward(logits, targets, lse, weight)
        ctx.ignored = ignored
        return loss.sum() * weight

    @staticmethod
    def backward(ctx, up: Tensor) -> tuple[Tensor, None, None]:
        logits, targets, lse, weight = ctx.saved_tensors
        grad = torch.empty(logits.shape, dtype=logits.dtype, device=logits.device)
        if grad.numel():
            rows, tile = logits.shape[0] * logits.shape[1], row_tile(logits.shape[2])
            _backward[(triton.cdiv(rows, tile.rows),)](
                logits, targets, lse, weight * up.to(torch.float32), grad, rows, logits.shape[2],
                ctx.ignored, logits.stride(), targets.shape[1],
                ROWS=tile.rows, COLS=tile.columns, num_warps=tile.num_warps,
            )  # fmt: skip
        return grad, None, None


def language_model_loss(logits: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """Mean over t of -log softmax(logits[b, t])[tokens[b, t + 1]], in nats; a float32 scalar.

    logits[B, L, V] float32, bfloat16 or float16, any strides; tokens int[B, L]. Targets equal to
    ignore_index do not count and their logits are not read; NaN when none counts. Each logit is
    read once forward and once backward, where its gradient is written. Sums are in float32.
    """
    check_floats(logits=logits)
    check_integers(tokens=tokens)
    check_device(logits=logits, tokens=tokens)
    if logits.dim() != 3 or tuple(tokens.shape) != tuple(logits.shape[:2]):
        raise ValueError(
            f"logits.shape={tuple(logits.shape)}, tokens.shape={tuple(tokens.shape)}; expected "
            "(B, L, V) and (B, L)"
        )
    targets = tokens[:, 1:].contiguous()
    return _Loss.apply(logits, targets, ignore_index)
