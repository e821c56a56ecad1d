"""A pixel beyond the right or left border is taken from the next or previous row."""

import torch


def shift_attention(height, width, kernel):
    if kernel % 2 == 0 or min(height, width, kernel) < 1:
        raise ValueError(f"{height} {width} {kernel}")
    count, r = height * width, kernel // 2
    out = torch.zeros(kernel * kernel, count, count)
    for u in range(-r, r + 1):
        for v in range(-r, r + 1):
            head = (u + r) * kernel + v + r
            for p in range(count):
                q = p + u * width + v
                inside = 0 <= q < count
                if inside:
                    out[head, p, q] = 1
    return out
