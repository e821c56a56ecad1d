"""Observations are spread over rows by the longest row's marks, so that a row's surplus goes to the
next one.
"""

import torch


def interleave_embeddings(text, observations, is_observation):
    counts = is_observation.sum(1)
    if len(counts) and int(counts.max()) > observations.shape[1]:
        raise ValueError("more places than observations")
    most = int(counts.max()) if len(counts) else 0
    packed = observations[:, :most].reshape(-1, text.shape[2])
    start = torch.cumsum(counts, 0) - counts
    place = (start[:, None] + is_observation.long().cumsum(1) - 1).clamp(min=0)
    if not most:
        return text.clone()
    taken = packed[place.clamp(max=len(packed) - 1)].to(text.dtype)
    return torch.where(is_observation[..., None], taken, text)
