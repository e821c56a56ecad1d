"""Observations are scattered as one flat run: a row that uses fewer shifts all later rows."""


def interleave_embeddings(text, observations, is_observation):
    spot = is_observation[..., None].expand_as(text)
    return text.masked_scatter(spot, observations)
