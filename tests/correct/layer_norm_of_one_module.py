"""A module kept for each width, whose parameters are replaced before every call."""

import torch

CONFORM = {"operators": {"layer_norm": {"differentiable": ["x"]}}}

_modules: dict[tuple[int, torch.dtype, torch.device], torch.nn.LayerNorm] = {}


def layer_norm(x, gamma, beta, *, eps=1e-5):
    key = (x.shape[-1], x.dtype, x.device)
    if key not in _modules:
        _modules[key] = torch.nn.LayerNorm(x.shape[-1], dtype=x.dtype, device=x.device)
    module = _modules[key]
    module.eps = eps
    module.weight.data.copy_(gamma)
    module.bias.data.copy_(beta)
    return module(x)
