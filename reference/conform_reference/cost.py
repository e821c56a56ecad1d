"""The operators of the cost domain: counts of parameters, operations and memory traffic."""

from conform_reference._attention_io import (
    attention_extra_elements,
    flash_attention_2_io,
    flash_attention_io,
    flash_block_sizes,
    matmul_accesses,
    softmax_accesses,
    standard_attention_io,
)
from conform_reference._parameters import latent_attention_parameters, parameter_count
from conform_reference._scaling import (
    attention_intensity,
    attention_step_flops,
    compute_optimal,
    forward_flops,
    hardware_flops,
    inference_flops,
    petaflop_days,
    power_law,
    power_law_fit,
    scaling_law_loss,
    sequence_accuracy,
    training_flops,
)
from conform_reference._tiled_matmul import tiled_matmul

__all__ = [
    "attention_extra_elements",
    "attention_intensity",
    "attention_step_flops",
    "compute_optimal",
    "flash_attention_2_io",
    "flash_attention_io",
    "flash_block_sizes",
    "forward_flops",
    "hardware_flops",
    "inference_flops",
    "latent_attention_parameters",
    "matmul_accesses",
    "parameter_count",
    "petaflop_days",
    "power_law",
    "power_law_fit",
    "scaling_law_loss",
    "sequence_accuracy",
    "softmax_accesses",
    "standard_attention_io",
    "tiled_matmul",
    "training_flops",
]
