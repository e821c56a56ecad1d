"""For every test: without a GPU, Triton interprets, which has to be said before it is imported."""

import os

import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
