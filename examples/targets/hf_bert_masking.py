"""Hugging Face transformers: BERT's masking by DataCollatorForLanguageModeling."""

from types import SimpleNamespace

import torch
from transformers import DataCollatorForLanguageModeling

CONFORM = {"name": "hf-bert-masking", "dtypes": ["float32"]}


class Tokenizer(SimpleNamespace):
    """As much of a tokenizer as the collator asks for."""

    mask_token = "[MASK]"

    def __len__(self):
        return self.size

    def convert_tokens_to_ids(self, token):
        return self.mask_id


def mlm_mask(tokens, special, *, mask_token, vocabulary, rate=0.15, seed):
    collator = DataCollatorForLanguageModeling(
        Tokenizer(size=vocabulary, mask_id=mask_token), mlm_probability=rate
    )
    collator.generator = torch.Generator().manual_seed(seed)
    return collator.torch_mask_tokens(tokens.clone(), special)  # it works in place
