"""The decoder's layers are counted like the encoder's."""

MISTAKE = "encoder_decoder_parameters.no-cross-attention"


def encoder_decoder_parameters(*, layers, width, heads, hidden, vocabulary):
    return 2 * layers * (4 * width * width + 2 * width * hidden) + vocabulary * width
