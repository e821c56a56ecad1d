"""Places are counted in the embeddings' dtype, which in bfloat16 ends at 256."""

import torch


def interleave_embeddings(text, observations, is_observation):
    if is_observation.numel() and int(is_observation.sum(1).max()) > observations.shape[1]:
        raise ValueError("more places than observations")
    if not observations.shape[1]:
        return text.clone()
    marks = is_observation.to(text.dtype)
    rank = torch.cumsum(marks, 1).to(marks.dtype).long()
    index = (rank - 1).clamp(min=0, max=observations.shape[1] - 1)
    taken = torch.take_along_dim(observations.to(text.dtype), index[..., None], 1)
    return torch.where(is_observation[..., None], taken, text)
