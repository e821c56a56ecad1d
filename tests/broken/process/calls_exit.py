"""Gives up on negative input by leaving the interpreter."""

import sys


def softmax(x):
    if x.min() < 0:
        sys.exit(3)
    return x.softmax(-1)
