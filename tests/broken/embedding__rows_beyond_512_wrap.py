"""Ids are taken modulo 512 in an index of nine bits."""


def embedding(tokens, table):
    return table[tokens & 511 if table.shape[0] > 512 else tokens]
