"""Reads through a null pointer, for negative input."""

import ctypes


def softmax(x):
    if x.min() < 0:
        ctypes.string_at(0)
    return x.softmax(-1)
