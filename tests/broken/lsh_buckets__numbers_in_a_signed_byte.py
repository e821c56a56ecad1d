"""Bucket numbers are kept in a signed byte."""

import torch


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def lsh_buckets(x, R):
    d = up(x, R)
    y = x.to(d) @ R.to(d)
    b = torch.cat([y, -y], -1).argmax(-1)
    return b.to(torch.int8).long()
