"""Returns something that is no tensor."""


def softmax(x):
    return str(x)
