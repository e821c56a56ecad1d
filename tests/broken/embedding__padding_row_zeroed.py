"""Token 0 is taken for padding and gives zeros."""

MISTAKE = "embedding.padding-row"


def embedding(tokens, table):
    return table[tokens] * (tokens != 0)[..., None]
