"""The parameters are read twice, which an iterator allows once."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def bitfit_parameters(named_parameters, *, head=None):

    chosen = {n for n, _ in named_parameters if n.rsplit(".", 1)[-1] == "bias"}
    if head is not None:
        chosen |= {n for n, _ in named_parameters if n.startswith(head + ".")}
    return chosen
