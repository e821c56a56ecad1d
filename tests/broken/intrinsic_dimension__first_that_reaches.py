"""The first entry that reaches the mark is returned, whatever the order of the dimensions."""

import torch


def intrinsic_dimension(dimensions, performance, full, *, fraction=0.9):
    if not 0 < fraction <= 1 or len(dimensions) != len(performance):
        raise ValueError("bad input")
    reached = (performance >= fraction * full).nonzero().view(-1)
    return dimensions[reached[0]].long() if len(reached) else torch.zeros((), dtype=torch.int64)
