"""Fails in a helper."""


def helper(x):
    raise ValueError(f"cannot handle shape={tuple(x.shape)}")


def softmax(x):
    return helper(x)
