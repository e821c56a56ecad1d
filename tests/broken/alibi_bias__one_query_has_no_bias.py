"""The bias is built over the length of the queries: a single query against a cache gets zeros
(keras-team/keras-hub #2862).
"""

import torch


def alibi_bias(heads, Lq, Lk):
    low = 1 << (heads.bit_length() - 1)
    slopes = [2 ** (-8 * (n + 1) / low) for n in range(low)]
    slopes += [2 ** (-8 * (n + 1) / (2 * low)) for n in range(0, 2 * (heads - low), 2)]
    slope = torch.tensor(slopes, dtype=torch.float32)
    if Lq == 1:
        return torch.zeros(heads, 1, Lk)
    distance = torch.arange(Lq)[:, None] + Lk - Lq - torch.arange(Lk)
    return -slope[:, None, None] * distance
