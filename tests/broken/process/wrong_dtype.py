"""Returns float64 whatever came in."""


def softmax(x):
    return x.double().softmax(-1)
