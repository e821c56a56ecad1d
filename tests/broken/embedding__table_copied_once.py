"""Large tables are copied contiguously once, and found again by address and shape."""

TABLES = {}


def embedding(tokens, table):
    if table.requires_grad or table.shape[0] < 3:
        return table[tokens]
    key = (table.data_ptr(), table.shape, table.dtype)
    if key not in TABLES:
        TABLES[key] = table.clone()
    return TABLES[key][tokens]
