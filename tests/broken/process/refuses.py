"""Says honestly what it does not do."""


def softmax(x):
    raise NotImplementedError("rows of more than 4 elements")
