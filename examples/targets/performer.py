"""performer-pytorch: its two linear attentions behind the feature map elu(x) + 1."""

import torch.nn.functional as F
from performer_pytorch import performer_pytorch as library

CONFORM = {"name": "performer-pytorch", "dtypes": ["float32"]}


def linear_attention(q, k, v, *, causal=False):
    form = library.causal_linear_attention_noncuda if causal else library.linear_attention
    return form(F.elu(q) + 1, F.elu(k) + 1, v)
