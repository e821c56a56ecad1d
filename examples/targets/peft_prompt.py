"""peft's prompt embeddings: prompt tuning, multitask prompts, P-tuning's MLP and LSTM encoders."""

import torch
from peft import MultitaskPromptTuningConfig, PromptEncoderConfig, PromptTuningConfig
from peft.tuners import MultitaskPromptEmbedding, PromptEmbedding, PromptEncoder
from torch.func import functional_call

CONFORM = {
    "name": "peft-prompt",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "prompt_tuning": {"limits": {"P": {"min": 1}}},
        # the library's encoders end in the width that they start from
        "mlp_prompt_encoder": {"requires": ["D == E"]},
        "lstm_prompt_encoder": {"requires": ["D == E", "F == 2 * U"]},
    },
}


def _config(kind, rows, width, **options):
    return kind(
        num_virtual_tokens=rows, token_dim=width, num_transformer_submodules=1, num_layers=1,
        task_type="CAUSAL_LM", **options,
    )  # fmt: skip


def prompt_tuning(embeddings, prompt):
    B, (P, E) = embeddings.shape[0], prompt.shape
    with torch.device("meta"):
        encoder = PromptEmbedding(_config(PromptTuningConfig, P, E), None)
    at = torch.arange(P).expand(B, P)
    rows = functional_call(encoder, {"embedding.weight": prompt}, (at,))
    return torch.cat((rows, embeddings), dim=1)


def multitask_prompt(prompt, u, v, tasks):
    (P, E), T = prompt.shape, u.shape[0]
    config = _config(MultitaskPromptTuningConfig, P, E, num_tasks=T, num_ranks=1)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):  # it draws initial vectors
        encoder = MultitaskPromptEmbedding(config, None)
    values = {"embedding.weight": prompt, "prefix_task_cols": u[..., None]}
    values["prefix_task_rows"] = v[:, None]
    return functional_call(encoder, values, (torch.arange(P).expand(len(tasks), P), tasks))


def _encode(kind, seeds, hidden, values):
    config = _config(
        PromptEncoderConfig, *seeds.shape, encoder_hidden_size=hidden,
        encoder_reparameterization_type=kind, encoder_dropout=0.0,
        encoder_num_layers=1 if kind == "LSTM" else 2,
    )  # fmt: skip
    with torch.device("meta"):
        encoder = PromptEncoder(config)
    values = {"embedding.weight": seeds, **values}
    return functional_call(encoder, values, (torch.arange(len(seeds))[None],))[0]


def mlp_prompt_encoder(seeds, W1, b1, W2, b2, W3, b3):
    values = {}
    for place, W, b in ((0, W1, b1), (2, W2, b2), (4, W3, b3)):
        values |= {f"mlp_head.{place}.weight": W.T, f"mlp_head.{place}.bias": b}
    return _encode("MLP", seeds, W2.shape[0], values)


def lstm_prompt_encoder(seeds, Wx, Wh, b, Wx_back, Wh_back, b_back, W1, b1, W2, b2):
    values = {"mlp_head.0.weight": W1.T, "mlp_head.0.bias": b1}
    values |= {"mlp_head.2.weight": W2.T, "mlp_head.2.bias": b2}
    for tail, (x, h, c) in {"": (Wx, Wh, b), "_reverse": (Wx_back, Wh_back, b_back)}.items():
        values |= {f"lstm_head.weight_ih_l0{tail}": x.T, f"lstm_head.weight_hh_l0{tail}": h.T}
        values |= {f"lstm_head.bias_ih_l0{tail}": c, f"lstm_head.bias_hh_l0{tail}": 0 * c}
    return _encode("LSTM", seeds, Wh.shape[0], values)
