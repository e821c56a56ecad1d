"""Numbers are hashes of seed + token: the next seed routes as this one does, one token on (after
kekzl/imp #1143, consecutive seeds that drew the same).
"""

import torch


def random_routing(tokens, *, experts, seed):
    if tokens < 1 or experts < 1:
        raise ValueError("size")
    x = torch.arange(tokens, dtype=torch.int64) + seed
    x = x * 0x9E3779B97F4A7C1 % (1 << 62)
    for _ in range(3):
        x = (x ^ (x >> 29)) * 0xBF58476D1CE4E5 % (1 << 62)
        x = x ^ (x >> 31)
    return (x >> 8) % experts
