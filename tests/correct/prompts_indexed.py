"""Soft prompts by index arithmetic: embedding lookups, gathers and one-hot products."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def prompt_tuning(embeddings, prompt):
    B, _, E = embeddings.shape
    P = prompt.shape[0]
    index = torch.arange(P).expand(B, P)
    rows = F.embedding(index, prompt) if P else embeddings.new_zeros(B, 0, E)
    return torch.cat((rows, embeddings), 1)


def mixed_prompts(embeddings, prompts, tasks):
    return torch.cat([prompts.index_select(0, tasks), embeddings], dim=1)


def p_tuning_embedding(tokens, table, prompt):
    return F.embedding(tokens, torch.cat([table, prompt]))


def multitask_prompt(prompt, u, v, tasks):
    wide = torch.promote_types(prompt.dtype, torch.float32)
    left = torch.diag_embed(u.to(wide)[tasks])
    return ((left @ prompt.to(wide)) * v.to(wide)[tasks].unsqueeze(1)).to(prompt.dtype)


def mlp_prompt_encoder(seeds, W1, b1, W2, b2, W3, b3):
    wide = torch.promote_types(seeds.dtype, torch.float32)
    x = F.relu(F.linear(seeds.to(wide), W1.to(wide).T, b1.to(wide)))
    x = F.relu(F.linear(x, W2.to(wide).T, b2.to(wide)))
    return F.linear(x, W3.to(wide).T, b3.to(wide)).to(seeds.dtype)


def visual_prompt(tokens, prompt, *, replace=False):
    P = prompt.shape[0]
    rows = prompt.unsqueeze(0).expand(tokens.shape[0], P, -1)
    first, rest = tokens.split([1, tokens.shape[1] - 1], dim=1)
    return torch.cat([first, rows, rest[:, P:] if replace else rest], dim=1)


def bitfit_parameters(named_parameters, *, head=None):
    found = set()
    for name, _ in named_parameters:
        last = name.split(".")[-1]
        if last == "bias" or (head is not None and name.startswith(head + ".")):
            found.add(name)
    return found
