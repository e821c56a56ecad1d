"""Hugging Face transformers, Swin: windows, the shift's mask, attention in shifted windows."""

import torch
from torch.func import functional_call
from transformers import SwinConfig
from transformers.models.swin import modeling_swin as swin

CONFORM = {
    "name": "hf-swin",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        # the library uses .view
        "window_partition": {"strides": "contiguous"},
        "window_reverse": {"strides": "contiguous"},
        # the library lets windows attend to the padding; its softmax is always in float32
        "shifted_window_attention": {
            "conventions": {"window_padding": "attended", "compute_dtype": "float32"},
        },
    },
}
window_partition, window_reverse = swin.window_partition, swin.window_reverse


def _layer(width, heads, window, shift):
    config = SwinConfig(window_size=window, qkv_bias=True, attention_probs_dropout_prob=0.0)
    config._attn_implementation = "eager"
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = swin.SwinLayer(config, width, (window, window), heads, shift_size=shift)
    layer.attention.relative_position_bias = torch.nn.Identity()
    layer.attention.relative_position_bias.forward = lambda: 0.0
    return layer.eval()


def shifted_window_mask(Hh, Ww, window, shift):
    mask = _layer(1, 1, window, shift).get_attn_mask(Hh, Ww, torch.float32, None)
    pairs = (Hh // window) * (Ww // window), window**2, window**2
    return torch.ones(pairs, dtype=torch.bool) if mask is None else mask == 0


def shifted_window_attention(x, Wqkv, bqkv, Wo, bo, *, heads, window, shift=0):
    _, h, w, e = x.shape
    layer = _layer(e, heads, window, shift)
    padded = layer.maybe_pad(x, h, w)[0]
    mask = layer.get_attn_mask(*padded.shape[1:3], x.dtype, x.device)
    mask = torch.zeros(1, window**2, window**2, dtype=x.dtype) if mask is None else mask
    weights = {"o_proj.weight": Wo.T, "o_proj.bias": bo}
    for name, W, b in zip("qkv", Wqkv.split(e, 1), bqkv.split(e), strict=True):
        weights |= {f"{name}_proj.weight": W.T, f"{name}_proj.bias": b}
    tokens = window_partition(layer.cyclic_shift(padded), window).flatten(1, 2)
    out = functional_call(layer.attention, weights, (tokens, mask))[0]
    out = window_reverse(out.unflatten(1, (window, window)), window, *padded.shape[1:3])
    return layer.cyclic_shift(out, reverse=True)[:, :h, :w]
