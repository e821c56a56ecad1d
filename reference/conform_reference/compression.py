"""Smaller networks: quantisation, pruning, distillation, separable convolution, scaling rules."""

from conform_reference._quantisation import affine_parameters, smooth_quant, uniform_quantize
from conform_reference._small_networks import (
    compound_scaling,
    convolution_cost,
    depthwise_separable_convolution,
    distillation_loss,
    magnitude_mask,
    prune_hidden_units,
)

__all__ = [
    "affine_parameters",
    "compound_scaling",
    "convolution_cost",
    "depthwise_separable_convolution",
    "distillation_loss",
    "magnitude_mask",
    "prune_hidden_units",
    "smooth_quant",
    "uniform_quantize",
]
