"""Misspells a key of its declaration."""

CONFORM = {"name": "mine", "dtype": ["float32"]}


def softmax(x):
    return x.softmax(-1)
