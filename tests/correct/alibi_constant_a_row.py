"""ALiBi as one row for all queries, counted from the middle, a constant from the declared form."""

import torch

CONFORM = {"operators": {"alibi_bias": {"conventions": {"alibi_form": "key_position"}}}}


def slopes(heads):
    whole = 1 << (heads - 1).bit_length()
    found = [2.0 ** (-8 * n / whole) for n in range(1, whole + 1)]
    return torch.tensor(found if whole == heads else (found[1::2] + found[::2])[:heads])


def alibi_bias(heads, Lq, Lk):
    from_middle = torch.arange(Lk) - Lk // 2
    return (slopes(heads)[:, None, None] * from_middle).expand(heads, Lq, Lk)
