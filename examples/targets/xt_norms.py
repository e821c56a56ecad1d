"""x-transformers: RMSNorm, which has no eps, and LayerNorm, which has no beta (added here).

In half precision both round each factor of the product, RMSNorm also the norm (FINDINGS.md).
"""

from torch.func import functional_call
from x_transformers.x_transformers import LayerNorm, RMSNorm

CONFORM = {
    "name": "x-transformers-norms",
    "dtypes": ["float32"],
    "operators": {"rms_norm": {"fixed": {"eps": 0.0}}, "layer_norm": {"fixed": {"eps": 1e-5}}},
}


def rms_norm(x, gamma):
    return functional_call(RMSNorm(x.shape[-1]), {"g": gamma}, x)


def layer_norm(x, gamma, beta):
    return functional_call(LayerNorm(x.shape[-1]), {"gamma": gamma}, x) + beta
