"""A longer sequence than before lengthens the table, and the new rows count from zero again
(espnet/espnet #2816 took the wrong end of its table).
"""

import torch

TABLES = {}


def rows(length, dim, base):
    step = torch.tensor(base, dtype=torch.float64) ** (
        -torch.arange(0, dim, 2, dtype=torch.float64) / dim
    )
    angle = torch.arange(length, dtype=torch.float64)[:, None] * step
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


def sinusoidal_encoding(length, dim, *, base=10000.0):
    table = TABLES.get((dim, base))
    if table is None:
        table = rows(length, dim, base)
    if table.shape[0] < length:
        table = torch.cat([table, rows(length - table.shape[0], dim, base)])
    TABLES[dim, base] = table
    return table[:length].clone()
