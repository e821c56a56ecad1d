"""The normaliser of the two classes is a plain sum of exponentials."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def next_sentence_loss(h, W, b, follows):
    z = up(h)[:, 0] @ up(W) + up(b)
    kind = (~follows).long()
    return (z.exp().sum(-1).log() - z.gather(1, kind[:, None])[:, 0]).mean()
