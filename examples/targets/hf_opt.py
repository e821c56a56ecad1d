"""Hugging Face transformers: OPT's decoder layer both ways, Whisper's, which is pre-norm."""

import torch
from torch.func import functional_call
from transformers import OPTConfig, WhisperConfig
from transformers.models.opt.modeling_opt import OPTDecoderLayer
from transformers.models.whisper.modeling_whisper import WhisperDecoderLayer

CONFORM = {
    "name": "hf-opt",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "transformer_block": {
            "requires": ["E == heads * D"],
            "fixed": {"eps": 1e-5, "causal": True},
        },
        "decoder_block": {
            "requires": ["E == heads * D", "E == M"],
            "fixed": {"norm": "pre", "eps": 1e-5},
        },
    },
}
ACT = {"gelu_tanh": "gelu_pytorch_tanh", "swish": "silu", "identity": "linear"}


def future(x):
    n = x.shape[1]
    return torch.zeros(1, 1, n, n, dtype=x.dtype).masked_fill(
        torch.ones(n, n, dtype=torch.bool).triu(1), torch.finfo(x.dtype).min
    )


def run(layer, w, x, **k):
    rest = {n: torch.zeros(p.shape, dtype=x.dtype) for n, p in layer.named_parameters()}
    y = functional_call(layer, rest | w, (x,), k)
    return y[0] if isinstance(y, tuple) else y


def attn(at, *W):
    return {
        f"{at}.{n}.weight": w.T
        for n, w in zip(("q_proj", "k_proj", "v_proj", "out_proj"), W, strict=True)
    }


def transformer_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, *, heads, norm="pre",
    activation="relu",
):  # fmt: skip
    if Wq.shape[1] != x.shape[-1]:
        raise NotImplementedError
    c = OPTConfig(
        hidden_size=x.shape[-1],
        num_attention_heads=heads,
        ffn_dim=W1.shape[1],
        activation_function=ACT.get(activation, activation),
        do_layer_norm_before=norm == "pre",
    )
    c._attn_implementation = "eager"
    with torch.device("meta"):
        layer = OPTDecoderLayer(c, 0).eval()
    w = attn("self_attn", Wq, Wk, Wv, Wo) | {
        "fc1.weight": W1.T,
        "fc1.bias": b1,
        "fc2.weight": W2.T,
        "fc2.bias": b2,
        "self_attn_layer_norm.weight": gamma1,
        "self_attn_layer_norm.bias": beta1,
        "final_layer_norm.weight": gamma2,
        "final_layer_norm.bias": beta2,
    }
    return run(layer, w, x, attention_mask=future(x))


def decoder_block(
    x, memory, Wq, Wk, Wv, Wo, Cq, Ck, Cv, Co, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2,
    gamma3, beta3, *, heads, activation="relu",
):  # fmt: skip
    if Wq.shape[1] != x.shape[-1] or memory.shape[-1] != x.shape[-1]:
        raise NotImplementedError
    c = WhisperConfig(
        d_model=x.shape[-1],
        decoder_attention_heads=heads,
        decoder_ffn_dim=W1.shape[1],
        activation_function=ACT.get(activation, activation),
    )
    c._attn_implementation = "eager"
    with torch.device("meta"):
        layer = WhisperDecoderLayer(c, 0).eval()
    w = (
        attn("self_attn", Wq, Wk, Wv, Wo)
        | attn("encoder_attn", Cq, Ck, Cv, Co)
        | {"fc1.weight": W1.T, "fc1.bias": b1, "fc2.weight": W2.T, "fc2.bias": b2}
    )
    for n, g, b in (
        ("self_attn_layer_norm", gamma1, beta1),
        ("encoder_attn_layer_norm", gamma2, beta2),
        ("final_layer_norm", gamma3, beta3),
    ):
        w |= {f"{n}.weight": g, f"{n}.bias": b}
    return run(layer, w, x, attention_mask=future(x), encoder_hidden_states=memory, use_cache=False)
