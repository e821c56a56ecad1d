"""Waits for convergence that never comes, for negative input."""


def wait_for_convergence():
    while True:
        pass


def softmax(x):
    if x.min() < 0:
        wait_for_convergence()
    return x.softmax(-1)
