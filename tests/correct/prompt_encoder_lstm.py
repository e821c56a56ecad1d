"""P-tuning's LSTM encoder by torch.nn.LSTM with functional weights, float32 inside."""

import torch
from torch.func import functional_call

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def lstm_prompt_encoder(seeds, Wx, Wh, b, Wx_back, Wh_back, b_back, W1, b1, W2, b2):
    dtype = torch.promote_types(seeds.dtype, torch.float32)
    with torch.device("meta"):
        lstm = torch.nn.LSTM(seeds.shape[1], Wh.shape[0], bidirectional=True, batch_first=True)
    weights = {}
    for tail, (x, h, c) in {"": (Wx, Wh, b), "_reverse": (Wx_back, Wh_back, b_back)}.items():
        weights[f"weight_ih_l0{tail}"] = x.to(dtype).T.contiguous()
        weights[f"weight_hh_l0{tail}"] = h.to(dtype).T.contiguous()
        weights[f"bias_ih_l0{tail}"] = c.to(dtype)
        weights[f"bias_hh_l0{tail}"] = torch.zeros_like(c, dtype=dtype)
    states, _ = functional_call(lstm, weights, (seeds.to(dtype).unsqueeze(0),))
    inner = torch.relu(states[0] @ W1.to(dtype) + b1.to(dtype))
    return (inner @ W2.to(dtype) + b2.to(dtype)).to(seeds.dtype)
