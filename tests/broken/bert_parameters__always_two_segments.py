"""Two rows of segment embeddings, however many there are."""


def need(**sizes):
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name}={n!r}: expected a positive integer")


def bert_parameters(*, layers, width, vocabulary, positions=512, segments=2, pooler=True):
    need(layers=layers, width=width, vocabulary=vocabulary, positions=positions, segments=segments)
    block = 12 * width**2 + 13 * width
    tables = (vocabulary + positions + 2) * width + 2 * width
    return layers * block + tables + (width * width + width if pooler else 0)
