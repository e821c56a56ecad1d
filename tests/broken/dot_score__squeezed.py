"""squeeze() drops a source of one word as well."""

import torch


def dot_score(h, s):
    return torch.bmm(h, s[:, :, None]).squeeze()
