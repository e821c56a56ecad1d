"""The update is multiplied out and added to a copy of the weight, for every call."""

from _interpreted import tl, triton  # noqa: F401

CONFORM = {"promises": ["traffic"], "dtypes": ["float32"]}


def lora_linear(x, W0, A, B, *, alpha):
    return x @ (W0 + alpha / A.shape[0] * (B @ A)).T
