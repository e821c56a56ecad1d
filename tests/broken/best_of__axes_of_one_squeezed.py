"""Axes of length one are squeezed away before the best is looked for."""


def best_of(rewards):
    if rewards.shape[-1] == 0:
        raise ValueError("no samples")
    return rewards.squeeze().argmax(-1)
