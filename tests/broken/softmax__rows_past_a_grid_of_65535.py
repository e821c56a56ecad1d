"""A grid of at most 65535 programs, one a row; the rows beyond stay zero (hpcaitech/FastFold pull
80 is of the kind).
"""

import torch


def softmax(x):
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    y = torch.softmax(x.to(work), -1)
    rows = y.reshape(-1, y.shape[-1])
    if len(rows) > 65535:
        rows = torch.cat((rows[:65535], torch.zeros_like(rows[65535:])))
    return rows.view(y.shape).to(x.dtype)
