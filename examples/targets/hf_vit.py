"""Hugging Face transformers, ViT: patch embeddings, class token and positions, interpolation."""

import torch
from torch.func import functional_call
from transformers import ViTConfig
from transformers.models.vit.modeling_vit import ViTEmbeddings, ViTPatchEmbeddings

CONFORM = {
    "name": "hf-vit",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {"interpolate_positions": {"fixed": {"mode": "bicubic"}}},
}


def _built(module, size, patch, channels, width):
    config = ViTConfig(
        image_size=size, patch_size=patch, num_channels=channels, hidden_size=width,
        hidden_dropout_prob=0.0,
    )  # fmt: skip
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        return module(config)


def patch_embed(images, weight, bias):
    layer = _built(ViTPatchEmbeddings, images.shape[2:], weight.shape[2], *weight.shape[1::-1])
    weights = {"projection.weight": weight, "projection.bias": bias}
    return functional_call(layer, weights, images)


def vit_embed(images, weight, bias, class_token, positions):
    layer = _built(ViTEmbeddings, images.shape[2:], weight.shape[2], *weight.shape[1::-1])
    weights = {
        "patch_embeddings.projection.weight": weight, "patch_embeddings.projection.bias": bias,
        "cls_token": class_token[None, None], "position_embeddings": positions[None],
    }  # fmt: skip
    return functional_call(layer, weights, images)


def interpolate_positions(positions, height, width):
    side = int((len(positions) - 1) ** 0.5)
    layer = _built(ViTEmbeddings, (side, side), 1, 3, positions.shape[1])
    layer.position_embeddings = torch.nn.Parameter(positions[None])
    tokens = positions.new_empty(1, 1 + height * width, positions.shape[1])
    return layer.interpolate_pos_encoding(tokens, height, width)[0]
