"""MPT's form of ALiBi, one row for all queries that counts keys from the last (declared)."""

import math

import torch

CONFORM = {"operators": {"alibi_bias": {"conventions": {"alibi_form": "key_from_end"}}}}


def alibi_slopes(heads):
    whole = 1 << (heads - 1).bit_length()
    slopes = [math.exp2(-8 * n / whole) for n in range(1, whole + 1)]
    return torch.tensor(slopes if whole == heads else (slopes[1::2] + slopes[::2])[:heads])


def alibi_bias(heads, Lq, Lk):
    from_end = torch.arange(1 - Lk, 1)
    return torch.outer(alibi_slopes(heads), from_end)[:, None].expand(heads, Lq, Lk)
