"""Hugging Face transformers: layers of CLIP, BART and RoBERTa, OLMoE's router, XLNet's shift."""

import torch
from torch.func import functional_call
from transformers import BartConfig, CLIPVisionConfig, OlmoeConfig, RobertaConfig
from transformers.models.bart.modeling_bart import BartDecoderLayer, BartEncoderLayer
from transformers.models.clip.modeling_clip import CLIPEncoderLayer
from transformers.models.olmoe.modeling_olmoe import OlmoeTopKRouter
from transformers.models.roberta.modeling_roberta import RobertaLayer
from transformers.models.xlnet.modeling_xlnet import XLNetRelativeAttention

CONFORM = {
    "name": "hf-layers",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "transformer_block": {"requires": ["E == heads * D"]},
        "decoder_block": {
            "requires": ["E == heads * D", "E == M"],
            "fixed": {"norm": "post", "eps": 1e-5},
        },
        "bert_block": {"requires": ["E == heads * D"]},
    },
}
ACTIVATIONS = {"gelu_tanh": "gelu_pytorch_tanh", "swish": "silu", "identity": "linear"}


def build(kind, config, *more):
    config._attn_implementation = "eager"
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        return kind(config, *more).eval()


def run(layer, weights, x, *args, **options):
    """The layer with zeros for all that is not given."""
    if weights.pop("inner").shape[1] != x.shape[-1]:
        raise NotImplementedError
    rest = {n: torch.zeros(p.shape, dtype=x.dtype) for n, p in layer.named_parameters()}
    y = functional_call(layer, rest | weights, (x, *args), options)
    return y[0] if isinstance(y, tuple) else y


def linear(at, W, b):
    return {f"{at}.weight": W.T, f"{at}.bias": b}


def norm(at, gamma, beta):
    return {f"{at}.weight": gamma, f"{at}.bias": beta}


def projections(at, *W):
    names = ("q_proj", "k_proj", "v_proj", "out_proj")
    return {f"{at}.{n}.weight": w.T for n, w in zip(names, W, strict=True)} | {"inner": W[0]}


def added_mask(x, causal):
    hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1) & causal
    lowest = torch.finfo(x.dtype).min
    return torch.zeros(1, 1, *hidden.shape, dtype=x.dtype).masked_fill(hidden, lowest)


def transformer_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2,
    *, heads, causal=False, norm="pre", activation="relu", eps=1e-5,
):  # fmt: skip
    weights, E, F = projections("self_attn", Wq, Wk, Wv, Wo), x.shape[-1], W1.shape[1]
    act = ACTIVATIONS.get(activation, activation)
    if norm == "pre":
        config = CLIPVisionConfig(
            hidden_size=E, num_attention_heads=heads, intermediate_size=F, hidden_act=act,
            layer_norm_eps=eps,
        )  # fmt: skip
        layer, feed = build(CLIPEncoderLayer, config), "mlp."
        first, second = "layer_norm1", "layer_norm2"
    else:
        config = BartConfig(
            d_model=E, encoder_attention_heads=heads, encoder_ffn_dim=F, activation_function=act
        )
        layer, feed = build(BartEncoderLayer, config), ""
        first, second = "self_attn_layer_norm", "final_layer_norm"
        layer.self_attn_layer_norm.eps = layer.final_layer_norm.eps = eps
    weights |= {f"{first}.weight": gamma1, f"{first}.bias": beta1}
    weights |= {f"{second}.weight": gamma2, f"{second}.bias": beta2}
    weights |= linear(feed + "fc1", W1, b1) | linear(feed + "fc2", W2, b2)
    return run(layer, weights, x, added_mask(x, causal))


def decoder_block(
    x, memory, Wq, Wk, Wv, Wo, Cq, Ck, Cv, Co, W1, b1, W2, b2,
    gamma1, beta1, gamma2, beta2, gamma3, beta3, *, heads, activation="relu",
):  # fmt: skip
    if memory.shape[-1] != x.shape[-1]:
        raise NotImplementedError
    config = BartConfig(
        d_model=x.shape[-1], decoder_attention_heads=heads, decoder_ffn_dim=W1.shape[1],
        activation_function=ACTIVATIONS.get(activation, activation),
    )  # fmt: skip
    weights = projections("encoder_attn", Cq, Ck, Cv, Co)
    weights |= projections("self_attn", Wq, Wk, Wv, Wo)
    weights |= norm("self_attn_layer_norm", gamma1, beta1)
    weights |= norm("encoder_attn_layer_norm", gamma2, beta2)
    weights |= norm("final_layer_norm", gamma3, beta3)
    weights |= linear("fc1", W1, b1) | linear("fc2", W2, b2)
    options = {"encoder_hidden_states": memory, "use_cache": False}
    return run(build(BartDecoderLayer, config, 0), weights, x, added_mask(x, True), **options)


def bert_block(
    x, Wq, bq, Wk, bk, Wv, bv, Wo, bo, gamma1, beta1, W1, b1, W2, b2, gamma2, beta2,
    *, heads, eps=1e-12,
):  # fmt: skip
    config = RobertaConfig(
        hidden_size=x.shape[-1], num_attention_heads=heads, intermediate_size=W1.shape[1],
        layer_norm_eps=eps,
    )  # fmt: skip
    weights = linear("attention.self.query", Wq, bq) | linear("attention.self.key", Wk, bk)
    weights |= linear("attention.self.value", Wv, bv) | linear("attention.output.dense", Wo, bo)
    weights |= linear("intermediate.dense", W1, b1) | linear("output.dense", W2, b2)
    weights |= norm("attention.output.LayerNorm", gamma1, beta1)
    weights |= norm("output.LayerNorm", gamma2, beta2)
    return run(build(RobertaLayer, config), weights | {"inner": Wq}, x)


def router(x, Wg, *, top_k=1):
    config = OlmoeConfig(
        hidden_size=x.shape[1], num_experts=Wg.shape[1], num_experts_per_tok=top_k,
        norm_topk_prob=False,
    )  # fmt: skip
    layer = build(OlmoeTopKRouter, config)
    _, weights, indices = functional_call(layer, {"weight": Wg.T}, (x,))
    return indices, weights


def relative_shift(scores):
    before = scores.new_zeros(*scores.shape[:3], 1)
    padded = torch.cat([before, scores], -1)
    return XLNetRelativeAttention.rel_shift_bnij(padded, klen=scores.shape[2])
