"""bpe-openai: byte-pair encoding in Rust, with the vocabularies that it ships."""

import bpe_openai
import torch

CONFORM = {
    "name": "bpe-openai",
    "operators": {
        name: {"limits": {"vocabulary": ["cl100k_base", "o200k_base"]}}
        for name in ("tokenizer_encode", "tokenizer_decode")
    },
}


def tokenizer_encode(data, *, vocabulary):
    text = bytes(data.tolist()).decode("utf-8")
    ids = bpe_openai.get_encoding(vocabulary).encode_ordinary(text)
    return torch.tensor(ids, dtype=torch.int64)


def tokenizer_decode(ids, *, vocabulary):
    data = bpe_openai.get_encoding(vocabulary).decode_bytes(ids.tolist())
    return torch.tensor(list(data), dtype=torch.int64)
