"""Contrastive losses as eager code runs them, rounded to the input dtype at every step."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def product(a, b):
    wide = torch.promote_types(a.dtype, torch.float32)
    return (a.to(wide) @ b.to(wide)).to(a.dtype)


def clip_logits(image, text, *, temperature):
    return product(unit(image), unit(text).T) / temperature


def clip_loss(image, text, *, temperature):
    if len(image) != len(text):
        raise ValueError(f"{len(image)} images, {len(text)} texts: expected pairs")
    logits = clip_logits(image, text, temperature=temperature)
    rows = -torch.log_softmax(logits, 1).diagonal().mean()
    columns = -torch.log_softmax(logits, 0).diagonal().mean()
    return (rows + columns) / 2


def clip_zero_shot(image, classes, *, temperature):
    return torch.softmax(clip_logits(image, classes, temperature=temperature), -1)


def clip_class_embeddings(prompts):
    return unit(unit(prompts).mean(1))
