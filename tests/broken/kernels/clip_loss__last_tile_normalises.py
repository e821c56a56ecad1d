"""Each tile of partners starts maximum and sum anew: only the last is in the denominator."""

import torch
from _interpreted import tl, triton


@triton.jit
def _kernel(
    own, other, loss, pairs, features, scale, ss, os, ROWS: tl.constexpr, FEATURES: tl.constexpr
):
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    e = tl.arange(0, FEATURES)
    keep = (i < pairs)[:, None] & (e < features)[None, :]
    a = tl.load(own + i[:, None] * ss[0] + e[None, :] * ss[1], mask=keep, other=0.0).to(tl.float32)
    a = a / tl.sqrt(tl.where(i < pairs, tl.sum(a * a, 1), 1.0))[:, None]
    top = tl.full([ROWS], -float("inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    hit = tl.zeros([ROWS], tl.float32)
    for start in range(0, pairs, ROWS):
        j = start + tl.arange(0, ROWS)
        keep = (j < pairs)[:, None] & (e < features)[None, :]
        b = tl.load(other + j[:, None] * os[0] + e[None, :] * os[1], mask=keep, other=0.0)
        b = b.to(tl.float32)
        b = b / tl.sqrt(tl.where(j < pairs, tl.sum(b * b, 1), 1.0))[:, None]
        s = tl.dot(a, tl.trans(b), input_precision="ieee") * scale
        hit += tl.sum(tl.where(j[None, :] == i[:, None], s, 0.0), 1)
        s = tl.where((j < pairs)[None, :], s, -float("inf"))
        new = tl.max(s, 1)
        total = total * 0.0 + tl.sum(tl.exp(s - new[:, None]), 1)
        top = new
    tl.store(loss + i, (top - hit) + tl.log(total), mask=i < pairs)


def clip_loss(image, text, *, temperature):
    pairs, features = image.shape
    loss = torch.empty(2, pairs)
    for own, other, out in ((image, text, loss[0]), (text, image, loss[1])):
        _kernel[(triton.cdiv(pairs, 16),)](
            own, other, out, pairs, features, 1 / temperature, own.stride(), other.stride(),
            ROWS=16, FEATURES=max(16, triton.next_power_of_2(features)),
        )  # fmt: skip
    return loss.mean()
