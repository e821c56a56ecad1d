"""Leaves its debugging output in: 32 MiB a call, from Python and from the descriptor."""

import os


def softmax(x):
    for _ in range(16):
        print("x" * (1 << 20))
        os.write(2, b"y" * (1 << 20))
    print("last words")
    return x.softmax(-1)
