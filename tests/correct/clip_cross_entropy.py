"""Contrastive losses by normalize and cross_entropy, in float32."""

import torch
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def clip_loss(image, text, *, temperature):
    if len(image) != len(text):
        raise ValueError(f"{len(image)} images, {len(text)} texts: expected pairs")
    logits = normalize(up(image), dim=-1) @ normalize(up(text), dim=-1).T / temperature
    labels = torch.arange(len(image))
    return ((cross_entropy(logits, labels) + cross_entropy(logits.T, labels)) / 2).to(image.dtype)


def clip_logits(image, text, *, temperature):
    cosines = cosine_similarity(up(image).unsqueeze(1), up(text).unsqueeze(0), dim=-1)
    return (cosines / temperature).to(image.dtype)


def clip_zero_shot(image, classes, *, temperature):
    cosines = normalize(up(image), dim=-1) @ normalize(up(classes), dim=-1).T
    return torch.softmax(cosines * (1 / temperature), -1).to(image.dtype)


def clip_class_embeddings(prompts):
    mean = normalize(up(prompts), dim=-1).mean(1)
    return normalize(mean, dim=-1).to(prompts.dtype)
