"""Hugging Face transformers: AST patches, ConvNeXt layer, PoolFormer pooling, box overlap."""

import torch
from torch.func import functional_call
from transformers import ASTConfig, ConvNextConfig
from transformers.image_transforms import center_to_corners_format
from transformers.loss.loss_for_object_detection import generalized_box_iou as box_overlap
from transformers.models.audio_spectrogram_transformer import (
    modeling_audio_spectrogram_transformer as ast,
)
from transformers.models.convnext.modeling_convnext import ConvNextLayer
from transformers.models.poolformer.modeling_poolformer import PoolFormerPooling

CONFORM = {
    "name": "hf-vision-blocks",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "convnext_block": {
            "requires": ["F == 4 * C"],
            "limits": {"k": [7]},
            "fixed": {"eps": 1e-6},
        },
    },
}


def spectrogram_patch_embed(x, weight, bias, *, stride):
    config = ASTConfig(
        patch_size=weight.shape[1], frequency_stride=stride, time_stride=stride,
        hidden_size=len(weight),
    )  # fmt: skip
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = ast.ASTPatchEmbeddings(config)
    weights = {"projection.weight": weight[:, None], "projection.bias": bias}
    return functional_call(layer, weights, x.mT)


def convnext_block(x, kernel, bias, gamma, beta, W1, b1, W2, b2, scale):
    with torch.device("meta"):
        layer = ConvNextLayer(ConvNextConfig(), x.shape[-1])
    weights = {
        "dwconv.weight": kernel[:, None], "dwconv.bias": bias, "layernorm.weight": gamma,
        "layernorm.bias": beta, "pwconv1.weight": W1.T, "pwconv1.bias": b1,
        "pwconv2.weight": W2.T, "pwconv2.bias": b2, "layer_scale_parameter": scale,
    }  # fmt: skip
    return functional_call(layer, weights, x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def pool_mixer(x, *, pool_size=3):
    return PoolFormerPooling(pool_size)(x)


def generalized_box_iou(a, b):
    return box_overlap(center_to_corners_format(a), center_to_corners_format(b))
