"""vector-quantize-pytorch: a frozen codebook, gradients straight through; residual stages."""

import torch
from vector_quantize_pytorch import ResidualVQ, VectorQuantize

CONFORM = {
    "name": "vector-quantize-pytorch",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "vector_quantize": {"conventions": {"compute_dtype": "float32"}},
        "residual_vector_quantize": {
            "conventions": {"compute_dtype": "float32"},
            "differentiable": False,
        },
    },
}
FROZEN = {"rotation_trick": False, "freeze_codebook": True, "commitment_weight": 0.0}


def _with_codes(layer, codebook):
    codes = layer._codebook
    codes.embed, codes.initted = codebook[None].float(), torch.tensor(True)


def vector_quantize(x, codebook):
    if x.numel() == 0:
        raise NotImplementedError("at least one vector")
    with torch.random.fork_rng():
        layer = VectorQuantize(codebook.shape[1], len(codebook), **FROZEN)
    _with_codes(layer, codebook)
    # only in training do gradients pass straight through
    quantized, indices, _ = layer.train()(x.reshape(1, -1, x.shape[-1]))
    return indices.reshape(x.shape[:-1]), quantized.reshape(x.shape)


def residual_vector_quantize(x, codebooks):
    if x.numel() == 0:
        raise NotImplementedError("at least one vector")
    stages, size, width = codebooks.shape
    with torch.random.fork_rng():
        model = ResidualVQ(dim=width, num_quantizers=stages, codebook_size=size, **FROZEN).eval()
    for layer, codebook in zip(model.layers, codebooks, strict=True):
        _with_codes(layer, codebook)
    quantized, indices, _ = model(x.reshape(1, -1, width))
    return indices.reshape(*x.shape[:-1], stages), quantized.reshape(x.shape)
