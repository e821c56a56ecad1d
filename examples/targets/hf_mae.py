"""Hugging Face transformers, ViT-MAE: random masking with given noise."""

from types import SimpleNamespace

from transformers.models.vit_mae.modeling_vit_mae import ViTMAEEmbeddings

CONFORM = {"name": "hf-mae", "dtypes": ["float32", "bfloat16", "float16", "float64"]}


def mae_shuffle(x, noise, *, ratio):
    module = SimpleNamespace(config=SimpleNamespace(mask_ratio=ratio))
    visible, mask, restore = ViTMAEEmbeddings.random_masking(module, x, noise)
    return visible, mask.bool(), restore
