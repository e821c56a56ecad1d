"""Rows are scaled to at most unit norm."""


def embedding(tokens, table):
    return table[tokens] / table[tokens].norm(dim=-1, keepdim=True).clamp(min=1)
