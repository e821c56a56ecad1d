"""Hugging Face transformers, Wav2Vec2-Conformer: convolution module, block, lengths, shift.

The convolution module takes no lengths, so that padding leaks through it; none are claimed.
"""

from types import SimpleNamespace

import torch
from torch.func import functional_call
from transformers import Wav2Vec2ConformerConfig
from transformers.models.wav2vec2_conformer import modeling_wav2vec2_conformer as conformer

CONFORM = {
    "name": "hf-conformer",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "conformer_conv": {"fixed": {"eps": 1e-5}},
        "conformer_block": {"fixed": {"eps": 1e-5}},
    },
}


def _config(width, kernel):
    return Wav2Vec2ConformerConfig(
        hidden_size=width, conv_depthwise_kernel_size=kernel, hidden_act="swish",
        num_attention_heads=1, intermediate_size=4,
    )  # fmt: skip


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2):
    e, k = kernel.shape
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = conformer.Wav2Vec2ConformerConvolutionModule(_config(e, k)).eval()
    layer.batch_norm = torch.nn.Identity()
    layer.batch_norm.forward = lambda y: y * scale[:, None] + shift[:, None]
    weights = {
        "layer_norm.weight": gamma, "layer_norm.bias": beta,
        "depthwise_conv.weight": kernel[:, None],
        "pointwise_conv1.weight": W1.T[..., None], "pointwise_conv2.weight": W2.T[..., None],
    }  # fmt: skip
    return functional_call(layer, weights, x)


class _Call(torch.nn.Module):
    """A function in the place of a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x, **_):
        return self.function(x)


def conformer_block(x, ffn1, attention, conv, ffn2, gamma, beta):
    with torch.device("meta"):
        layer = conformer.Wav2Vec2ConformerEncoderLayer(_config(x.shape[-1], 3)).eval()
    layer.ffn1_layer_norm = layer.self_attn_layer_norm = layer.ffn2_layer_norm = torch.nn.Identity()
    layer.ffn1, layer.ffn2, layer.conv_module = _Call(ffn1), _Call(ffn2), _Call(conv)
    layer.self_attn = _Call(lambda y: (attention(y), None))
    layer.self_attn.forward = lambda hidden_states, **_: (attention(hidden_states), None)
    weights = {"final_layer_norm.weight": gamma, "final_layer_norm.bias": beta}
    return functional_call(layer, weights, x)


def _lengths(layers, kernel, stride):
    config = SimpleNamespace(conv_kernel=[kernel] * layers, conv_stride=[stride] * layers)
    model = conformer.Wav2Vec2ConformerPreTrainedModel
    config.add_adapter = False
    own = SimpleNamespace(config=config)
    own._get_feat_extract_output_lengths = lambda n, add_adapter=None: (
        model._get_feat_extract_output_lengths(own, n, add_adapter)
    )
    return own


def subsampled_length(length, *, layers=2, kernel=3, stride=2):
    lengths = torch.tensor(length)
    return int(_lengths(layers, kernel, stride)._get_feat_extract_output_lengths(lengths))


def subsampled_padding_mask(lengths, L, *, layers=2, kernel=3, stride=2):
    own, model = _lengths(layers, kernel, stride), conformer.Wav2Vec2ConformerPreTrainedModel
    mask = (torch.arange(L) < lengths[:, None]).long()
    frames = int(own._get_feat_extract_output_lengths(torch.tensor(L)))
    return model._get_feature_vector_attention_mask(own, frames, mask)


def relative_shift(scores):
    b, h, n, m = scores.shape
    module = SimpleNamespace(
        linear_pos=lambda y: y, head_size=n, scaling=1.0,
        pos_bias_u=scores.new_zeros(h, n), pos_bias_v=scores.new_zeros(h, n),
    )  # fmt: skip
    query = torch.eye(n, dtype=scores.dtype).expand(b, h, n, n)
    table = scores.permute(0, 3, 1, 2).reshape(b, m, h * n)
    return conformer._apply_relative_position_encoding(module, query, query, table)[1]
