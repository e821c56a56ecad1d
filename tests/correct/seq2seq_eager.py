"""Softmax and weighted sum in the input's dtype, differentiated as torch stores them."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def seq2seq_attention(h, e):
    weights = torch.softmax(e, -1)
    return torch.einsum("bt,btd->bd", weights, h), weights
