"""A softmax whose slope is taken from its (marked) result, which frameworks keep for that."""

import torch
from torch import Tensor

from conform_reference._attend import float32_drift
from conform_reference.rounding import mark


def kept_softmax(name: str, scores: Tensor) -> Tensor:
    """softmax over the last dimension, marked `name`.

    With p the marked result, dp = p (ds - sum p ds): where p is rounded, so is its slope.
    """
    maximum = scores.detach().amax(-1, keepdim=True)
    exponentials = torch.exp(scores.detach() - maximum)
    p = exponentials / exponentials.sum(-1, keepdim=True)
    p = mark(name, p * float32_drift(maximum))
    change = scores - scores.detach()  # zero, with slope one
    return mark(name, p + p * (change - torch.sum(p * change, -1, keepdim=True)))
