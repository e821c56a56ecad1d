"""The operators of the model domain: stacks, their inputs and masks, and published sizes."""

from conform_reference._model_counts import (
    attention_parameters,
    bert_parameters,
    encoder_decoder_parameters,
    ffn_parameters,
    glu_hidden_width,
    gpt_parameters,
    llama_parameters,
)
from conform_reference._model_inputs import (
    chunked_causal_mask,
    encoder_decoder_mask,
    input_embedding,
    mlm_mask,
    prefix_lm_mask,
)
from conform_reference._model_llama import llama_decoder, sliding_window_stack, t5_attention
from conform_reference._model_stacks import (
    decoder_only,
    encoder_decoder,
    encoder_only,
    generate_greedy,
)

__all__ = [
    "attention_parameters",
    "bert_parameters",
    "chunked_causal_mask",
    "decoder_only",
    "encoder_decoder",
    "encoder_decoder_mask",
    "encoder_decoder_parameters",
    "encoder_only",
    "ffn_parameters",
    "generate_greedy",
    "glu_hidden_width",
    "gpt_parameters",
    "input_embedding",
    "llama_decoder",
    "llama_parameters",
    "mlm_mask",
    "prefix_lm_mask",
    "sliding_window_stack",
    "t5_attention",
]
