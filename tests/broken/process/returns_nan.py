"""Forgets to subtract the maximum from infinity and returns NaN everywhere."""


def softmax(x):
    return x - x + float("nan")
