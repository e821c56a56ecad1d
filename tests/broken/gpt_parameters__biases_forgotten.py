"""GPT counted by its matrices: 12 L d^2 and the tables, no biases."""

MISTAKE = "gpt_parameters.biases-forgotten"


def gpt_parameters(*, layers, width, vocabulary, positions, final_norm=True, embedding_width=None):
    inside = embedding_width or width
    maps = 2 * width * embedding_width if embedding_width else 0
    block = 12 * width * width + 4 * width
    return layers * block + vocabulary * inside + maps + (positions + 2 * final_norm) * width
