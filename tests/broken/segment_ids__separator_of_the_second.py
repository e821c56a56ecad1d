"""The separator behind the first sentence is counted to the second."""

import torch


def segment_ids(first, second):
    return torch.cat(
        (torch.zeros(first + 1, dtype=torch.int64), torch.ones(second + 2, dtype=torch.int64))
    )
