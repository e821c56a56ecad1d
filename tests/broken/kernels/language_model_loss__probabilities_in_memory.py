"""The probabilities of all words are written to memory, and the targets' picked from there."""

import torch
from _interpreted import tl, triton

CONFORM = {"promises": ["traffic"]}


@triton.jit
def _kernel(logits, out, columns, per_batch, strides, BLOCK: tl.constexpr):
    """log softmax of one position."""
    row, at = tl.program_id(0), tl.arange(0, BLOCK)
    where = logits + row // per_batch * strides[0] + row % per_batch * strides[1]
    v = tl.load(where + at * strides[2], mask=at < columns, other=-float("inf")).to(tl.float32)
    top = tl.max(v, 0)
    total = tl.log(tl.sum(tl.exp(v - top), 0))
    tl.store(out + row * columns + at, (v - top) - total, mask=at < columns)


def language_model_loss(logits, tokens, *, ignore_index=-100):
    batch, length, words = logits.shape
    log_p = torch.empty(batch, length - 1, words)
    if log_p.numel():
        _kernel[(batch * (length - 1),)](
            logits, log_p, words, length - 1, logits.stride(),
            BLOCK=triton.next_power_of_2(words),
        )  # fmt: skip
    targets = tokens[:, 1:]
    counted = targets != ignore_index
    picked = log_p.gather(-1, targets.where(counted, 0).unsqueeze(-1)).squeeze(-1)
    return -(picked * counted).sum() / counted.sum()
