"""The observations of the first row are used for all rows."""

import torch

MISTAKE = "interleave_embeddings.first-row-for-all"


def interleave_embeddings(text, observations, is_observation):
    place = (is_observation.long().cumsum(1) - 1).clamp(min=0)
    return torch.where(is_observation.unsqueeze(-1), observations[0][place], text)
