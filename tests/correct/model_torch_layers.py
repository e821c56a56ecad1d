"""Encoder and encoder-decoder by torch.nn's Transformer layers, weights copied in."""

import torch
from torch import nn

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def projections(prefix, w):
    return {
        f"{prefix}.in_proj_weight": torch.cat([w[0].T, w[1].T, w[2].T]),
        f"{prefix}.out_proj.weight": w[3].T,
    }


def meta(kind, width, hidden, heads, activation, bias):
    return kind(width, heads, hidden, 0.0, activation, batch_first=True, bias=bias, device="meta")


def encoder_only(x, lengths, attn, W1, W2, gamma, beta, *, heads):
    layer = meta(nn.TransformerEncoderLayer, x.shape[-1], W1.shape[-1], heads, "gelu", True).train()
    padding = torch.arange(x.shape[1]) >= lengths[:, None]
    for n in range(attn.shape[0]):
        zeros = {
            name: torch.zeros(p.shape, dtype=x.dtype)
            for name, p in layer.named_parameters()
            if name.endswith("bias")
        }
        weights = projections("self_attn", attn[n]) | {
            "linear1.weight": W1[n].T,
            "linear2.weight": W2[n].T,
            "norm1.weight": gamma[n, 0],
            "norm2.weight": gamma[n, 1],
            "norm1.bias": beta[n, 0],
            "norm2.bias": beta[n, 1],
        }
        x = torch.func.functional_call(
            layer, zeros | weights, (x,), {"src_key_padding_mask": padding}
        )
    return x


def encoder_decoder(source, target, attn, W1, W2, decoder_attn, decoder_W1, decoder_W2, *, heads):
    E, F = source.shape[-1], W1.shape[-1]
    one = torch.ones(E, dtype=source.dtype)
    encoder = meta(nn.TransformerEncoderLayer, E, F, heads, "relu", False).train()
    decoder = meta(nn.TransformerDecoderLayer, E, F, heads, "relu", False).train()
    for n in range(attn.shape[0]):
        weights = projections("self_attn", attn[n])
        weights |= {"linear1.weight": W1[n].T, "linear2.weight": W2[n].T}
        weights |= {"norm1.weight": one, "norm2.weight": one}
        source = torch.func.functional_call(encoder, weights, (source,))
    future = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).triu(1)
    for n in range(decoder_attn.shape[0]):
        weights = projections("self_attn", decoder_attn[n, :4])
        weights |= projections("multihead_attn", decoder_attn[n, 4:])
        weights |= {"linear1.weight": decoder_W1[n].T, "linear2.weight": decoder_W2[n].T}
        weights |= {"norm1.weight": one, "norm2.weight": one, "norm3.weight": one}
        target = torch.func.functional_call(
            decoder, weights, (target, source), {"tgt_mask": future}
        )
    return source, target
