"""Token t reads row t - 1."""


def embedding(tokens, table):
    return table[tokens - 1]
