"""The operators of parameter-efficient tuning; one private module for each family."""

from conform_reference._peft_adapters import (
    adapter,
    ia3_feed_forward,
    ia3_linear,
    parallel_adapter,
    unified_delta,
)
from conform_reference._peft_counts import (
    adapter_flops,
    adapter_parameter_count,
    bitfit_parameter_count,
    bitfit_parameters,
    fine_tune_step,
    llama_adapter_parameter_count,
    multitask_prompt_parameter_count,
    prefix_parameter_count,
    prompt_parameter_count,
    trainable_fraction,
)
from conform_reference._peft_prefix import (
    llama_adapter_attention,
    llama_adapter_layer,
    llama_adapter_states,
    prefix_attention,
    prefix_encoder,
)
from conform_reference._peft_prompts import (
    lstm_prompt_encoder,
    mixed_prompts,
    mlp_prompt_encoder,
    multitask_prompt,
    p_tuning_embedding,
    prompt_tuning,
    visual_prompt,
)

__all__ = [
    "adapter",
    "adapter_flops",
    "adapter_parameter_count",
    "bitfit_parameter_count",
    "bitfit_parameters",
    "fine_tune_step",
    "ia3_feed_forward",
    "ia3_linear",
    "llama_adapter_attention",
    "llama_adapter_layer",
    "llama_adapter_parameter_count",
    "llama_adapter_states",
    "lstm_prompt_encoder",
    "mixed_prompts",
    "mlp_prompt_encoder",
    "multitask_prompt",
    "multitask_prompt_parameter_count",
    "p_tuning_embedding",
    "parallel_adapter",
    "prefix_attention",
    "prefix_encoder",
    "prefix_parameter_count",
    "prompt_parameter_count",
    "prompt_tuning",
    "trainable_fraction",
    "unified_delta",
    "visual_prompt",
]
