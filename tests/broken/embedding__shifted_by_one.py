"""Token t reads row t - 1."""

MISTAKE = "embedding.shifted-by-one"


def embedding(tokens, table):
    return table[tokens - 1]
