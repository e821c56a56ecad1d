"""ALiBi distances counted by cumulative sums of the visible mask; slopes by repeated product."""

import torch


def geometric(count):
    ratio = 2.0 ** (-8.0 / count)
    return torch.full((count,), ratio, dtype=torch.float64).cumprod(0)


def alibi_slopes(heads):
    power = 1 << (heads.bit_length() - 1)
    rest = geometric(2 * power)[0::2][: heads - power]
    return torch.cat([geometric(power), rest]).to(torch.float32)


def alibi_bias(heads, Lq, Lk):
    seen = torch.ones(Lq, Lk, dtype=torch.int64).tril(Lk - Lq)
    # Summed from the right, the newest visible key counts 1, the one before it 2, and so on.
    distance = (seen.flip(-1).cumsum(-1).flip(-1) - 1).clamp(min=0)
    return torch.einsum("h,ij->hij", alibi_slopes(heads), -distance.float())
