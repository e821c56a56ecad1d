"""The distances with a bucket of their own are half of a direction's buckets, made even: ten
buckets a direction have four such, not five.
"""

import torch


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    bucket = torch.zeros_like(relative)
    if bidirectional:
        buckets //= 2
        bucket = bucket + (relative > 0) * buckets
        distance = relative.abs()
    else:
        distance = (-relative).clamp(min=0)
    exact = buckets // 4 * 2 if buckets > 4 else buckets // 2
    # Whole numbers decide which power a distance has reached: d / exact >= (max / exact)^(i / n).
    steps = buckets - exact
    far = torch.full_like(distance, exact)
    for i in range(1, steps):
        low = (
            torch.tensor(exact, dtype=torch.float64).log() * (steps - i)
            + torch.tensor(max_distance, dtype=torch.float64).log() * i
        ) / steps
        edge = int(low.exp().round())
        while edge**steps < exact ** (steps - i) * max_distance**i:
            edge += 1
        while (edge - 1) ** steps >= exact ** (steps - i) * max_distance**i:
            edge -= 1
        far = far + (distance >= edge)
    return bucket + torch.where(distance < exact, distance, far)
