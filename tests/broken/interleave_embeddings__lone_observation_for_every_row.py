"""A single observation a row is taken from the first row."""

import torch


def interleave_embeddings(text, observations, is_observation):
    rank = torch.cumsum(is_observation.long(), 1)
    if rank.numel() and int(rank.max()) > observations.shape[1]:
        raise ValueError("too few observations")
    if not observations.shape[1]:
        return text.clone()
    if observations.shape[1] == 1:
        observations = observations[:1].expand(observations.shape)
    index = (rank - 1).clamp(min=0)[..., None].expand(text.shape)
    taken = torch.gather(observations.to(text.dtype), 1, index)
    return torch.where(is_observation[..., None], taken, text)
