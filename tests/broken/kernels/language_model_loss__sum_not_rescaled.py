"""The running sum over the vocabulary is not rescaled when the maximum grows."""

import torch
from _interpreted import tl, triton


@triton.jit
def _kernel(logits, targets, loss, columns, ignored, strides, per_batch, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    target = tl.load(targets + row)
    base = logits + row // per_batch * strides[0] + row % per_batch * strides[1]
    top = -float("inf") + 0.0 * row
    total = 0.0 * row
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        v = tl.load(base + at * strides[2], mask=at < columns, other=-float("inf")).to(tl.float32)
        new = tl.maximum(top, tl.max(v, 0))
        total = total + tl.sum(tl.exp(v - new), 0)
        top = new
    if target != ignored:
        hit = tl.load(base + target * strides[2]).to(tl.float32)
        tl.store(loss + row, (top - hit) + tl.log(total))
    else:
        tl.store(loss + row, 0.0)


def language_model_loss(logits, tokens, *, ignore_index=-100):
    targets = tokens[:, 1:].contiguous()
    loss = torch.empty(targets.numel())
    _kernel[(targets.numel(),)](
        logits, targets, loss, logits.shape[2], ignore_index, logits.stride(), targets.shape[1],
        BLOCK=16,
    )  # fmt: skip
    return loss.sum() / (targets != ignore_index).sum()
