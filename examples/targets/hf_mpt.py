"""Hugging Face transformers, MPT: ALiBi as one row for all queries, counted from the last key."""

from transformers.models.mpt.modeling_mpt import build_mpt_alibi_tensor

CONFORM = {
    "name": "hf-mpt",
    "operators": {"alibi_bias": {"conventions": {"alibi_form": "key_position"}}},
}


def alibi_bias(heads, Lq, Lk):
    return build_mpt_alibi_tensor(heads, Lk).reshape(heads, 1, Lk).expand(heads, Lq, Lk)
