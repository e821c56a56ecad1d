"""Recurrent networks and convolutions over text, as what attention is compared with."""

from conform_reference._recurrent_cells import (
    bidirectional_rnn,
    linear_recurrence,
    lstm,
    lstm_cell,
    rnn,
    rnn_log_likelihood,
    rnn_step,
)
from conform_reference._text_convolution import (
    dilated_stack,
    gated_convolution,
    minimum_steps,
    path_length,
    receptive_field,
    text_cnn,
    text_convolution,
)
from conform_reference._translation import length_penalty, replace_unknown, translation_score

__all__ = [
    "bidirectional_rnn",
    "dilated_stack",
    "gated_convolution",
    "length_penalty",
    "linear_recurrence",
    "lstm",
    "lstm_cell",
    "minimum_steps",
    "path_length",
    "receptive_field",
    "replace_unknown",
    "rnn",
    "rnn_log_likelihood",
    "rnn_step",
    "text_cnn",
    "text_convolution",
    "translation_score",
]
