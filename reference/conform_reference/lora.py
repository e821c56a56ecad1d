"""Low-rank adaptation and its relatives, 4-bit bases, and what fine-tuning costs."""

from conform_reference._dora import dora_linear, dora_merge
from conform_reference._lora_costs import (
    delta_parameters,
    finetuning_bytes,
    finetuning_flops,
    model_parameters,
    quantized_bits,
    task_storage,
    trainable_percent,
)
from conform_reference._lora_linear import dylora_linear, lora_init, lora_linear, lora_merge
from conform_reference._lora_products import loha_delta, lokr_delta, lokr_factors
from conform_reference._lora_training import (
    intrinsic_dimension,
    lora_plus_step,
    lora_training_step,
    subspace_update,
)
from conform_reference._nf4 import (
    dequantize_scales,
    nf4_dequantize,
    nf4_pack,
    nf4_quantize,
    nf4_unpack,
    qlora_linear,
    quantize_scales,
)

__all__ = [
    "delta_parameters",
    "dequantize_scales",
    "dora_linear",
    "dora_merge",
    "dylora_linear",
    "finetuning_bytes",
    "finetuning_flops",
    "intrinsic_dimension",
    "loha_delta",
    "lokr_delta",
    "lokr_factors",
    "lora_init",
    "lora_linear",
    "lora_merge",
    "lora_plus_step",
    "lora_training_step",
    "model_parameters",
    "nf4_dequantize",
    "nf4_pack",
    "nf4_quantize",
    "nf4_unpack",
    "qlora_linear",
    "quantize_scales",
    "quantized_bits",
    "subspace_update",
    "task_storage",
    "trainable_percent",
]
