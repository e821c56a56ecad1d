"""Returns its own kind of tensor."""

import torch


class Tracked(torch.Tensor):
    """A tensor that somebody's framework hands out."""


def softmax(x):
    return x.softmax(-1).as_subclass(Tracked)
