"""The backward scales the gradients that the forward left where they lie: a second one again."""

import torch
from _interpreted import tl, triton


@triton.jit
def _softmax_rows(logits, targets, loss, words, count, BLOCK: tl.constexpr):
    """The loss of each row; its logits become their gradient."""
    row, word = tl.program_id(0), tl.arange(0, BLOCK)
    target = tl.load(targets + row)
    keep = word < words
    v = tl.load(logits + row * words + word, mask=keep, other=-float("inf"))
    top = tl.max(v, 0)
    e = tl.exp(v - top)
    total = tl.sum(e, 0)
    hit = tl.sum(tl.where(word == target, v, 0.0), 0)
    counted = target >= 0
    tl.store(loss + row, tl.where(counted, top - hit + tl.log(total), 0.0))
    grad = (e / total - tl.where(word == target, 1.0, 0.0)) / count
    tl.store(logits + row * words + word, tl.where(counted, grad, 0.0), mask=keep)


@triton.jit
def _scale(x, y, factor, count, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + at, mask=at < count, other=0.0) * tl.load(factor).to(tl.float32)
    tl.store(y + at, v, mask=at < count)


class _Loss(torch.autograd.Function):
    """Gradients are made chunk by chunk in the forward; the backward scales them."""

    @staticmethod
    def forward(ctx, x, weight, tokens, ignore_index):
        states = x[:, :-1].reshape(-1, x.shape[2])
        targets = (
            tokens[:, 1:].masked_fill(tokens[:, 1:] == ignore_index, -1).reshape(-1).contiguous()
        )
        count = (targets >= 0).sum()
        rows, words = targets.numel(), weight.shape[0]
        loss = torch.zeros(rows)
        grad_x, grad_weight = torch.zeros(x.shape), torch.zeros(weight.shape)
        part = torch.empty(rows, x.shape[2])
        for start in range(0, rows, 4):
            piece = slice(start, min(start + 4, rows))
            logits = states[piece].float() @ weight.float().T
            _softmax_rows[(logits.shape[0],)](
                logits, targets[piece], loss[piece], words, max(1, int(count)),
                BLOCK=triton.next_power_of_2(words),
            )  # fmt: skip
            part[piece] = logits @ weight.float()
            grad_weight += logits.T @ states[piece].float()
        grad_x[:, :-1] = part.view(x.shape[0], -1, x.shape[2])
        ctx.save_for_backward(grad_x, grad_weight)
        ctx.dtype = x.dtype
        return (loss.sum() / count).to(x.dtype)

    @staticmethod
    def backward(ctx, factor):
        grads = []
        for grad in ctx.saved_tensors:
            scaled = grad
            if grad.numel():
                _scale[(triton.cdiv(grad.numel(), 64),)](
                    grad, scaled, factor.contiguous(), grad.numel(), BLOCK=64
                )
            grads.append(scaled.to(ctx.dtype))
        return *grads, None, None


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    return _Loss.apply(x, weight, tokens, ignore_index)
