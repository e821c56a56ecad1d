"""The places are filled in the caller's text tensor."""


def interleave_embeddings(text, observations, is_observation):
    out = text.detach() if not text.requires_grad else text.clone()
    for b in range(text.shape[0]):
        out[b, is_observation[b]] = observations[b, : int(is_observation[b].sum())]
    return out
