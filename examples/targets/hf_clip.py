"""Hugging Face transformers, CLIP: vector norms, logit scale and the symmetric loss."""

import math

import torch
from transformers.models.clip import modeling_clip as clip

CONFORM = {
    "name": "hf-clip",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
}


def clip_logits(image, text, *, temperature):
    image = image / clip._get_vector_norm(image)
    text = text / clip._get_vector_norm(text)
    kept_wide = torch.promote_types(text.dtype, torch.float32)
    logit_scale = torch.tensor(math.log(1 / temperature), dtype=kept_wide)
    return (torch.matmul(text, image.t()) * logit_scale.exp()).t()


def clip_loss(image, text, *, temperature):
    logits = clip_logits(image, text, temperature=temperature)
    return clip.image_text_contrastive_loss(logits.t())
