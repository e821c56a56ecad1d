"""Takes an extra argument that no contract passes."""


def softmax(x, dim):
    return x.softmax(dim)
