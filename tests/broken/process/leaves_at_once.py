"""Leaves the process without any cleaning up."""

import os


def softmax(x):
    os._exit(7)
