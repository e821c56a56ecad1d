"""Hugging Face transformers, Idefics: its perceiver resampler, without the norm of its outputs."""

from types import SimpleNamespace

import torch
from torch.func import functional_call
from transformers.models.idefics.perceiver import IdeficsPerceiverResampler

CONFORM = {
    "name": "hf-idefics",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {"perceiver_resampler": {"fixed": {"activation": "relu"}}},
}


def perceiver_resampler(features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads):
    B, T, S, E = features.shape
    config = SimpleNamespace(
        perceiver_config=SimpleNamespace(qk_layer_norms_perceiver=False),
        vision_config=SimpleNamespace(embed_dim=E),
    )
    sizes = (E, len(norms), heads, Wq.shape[2] // heads, len(latents))
    with torch.device("meta"):
        module = IdeficsPerceiverResampler(config, *sizes)
    module.layer_norm = torch.nn.Identity()
    weights = {"latents": latents}
    for n in range(len(norms)):
        names = ("0.context_layer_norm", "0.latents_layer_norm", "1.ln")
        for name, (gain, shift) in zip(names, norms[n], strict=True):
            weights |= {f"blocks.{n}.{name}.weight": gain, f"blocks.{n}.{name}.bias": shift}
        names = ("0.q_proj", "0.k_proj", "0.v_proj", "0.output_proj", "1.fc", "1.c_proj")
        for name, W in zip(names, (Wq, Wk, Wv, Wo, W1, W2), strict=True):
            weights[f"blocks.{n}.{name}.weight"] = W[n].T
    return functional_call(module, weights, (features + time[:, None]).reshape(B, T * S, E))
