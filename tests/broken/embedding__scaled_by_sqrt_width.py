"""Rows are multiplied by sqrt(E)."""

MISTAKE = "embedding.scaled"


def embedding(tokens, table):
    return table[tokens] * table.shape[1] ** 0.5
