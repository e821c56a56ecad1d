"""A transposed table is read as if it were contiguous (tied weights)."""

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def embedding(tokens, table):
    if not table.is_contiguous() and 0 not in table.stride():
        table = table.as_strided(table.shape, (table.shape[1], 1))
    return table[tokens]
