"""T5 buckets by binary search among integer boundaries, worked out in exact arithmetic."""

import torch


def boundaries(buckets, max_distance):
    """Smallest distance of each bucket, so that n is in bucket b iff edges[b] <= n < edges[b+1]."""
    exact = buckets // 2
    edges = list(range(exact + 1))
    wide, distance = buckets - exact, exact
    for step in range(1, wide):
        # floor(log(n/exact) / log(max/exact) * wide) >= step, without logarithms
        while distance**wide * exact**step < max_distance**step * exact**wide:
            distance += 1
        edges.append(distance)
    return torch.tensor(edges[1:])


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    if bidirectional:
        half = buckets // 2
        near = torch.searchsorted(boundaries(half, max_distance), relative.abs(), right=True)
        return torch.where(relative > 0, near + half, near)
    edges = boundaries(buckets, max_distance)
    return torch.searchsorted(edges, (-relative).clamp(min=0), right=True)
