"""A width that is a multiple already is raised to the next one."""


def glu_hidden_width(width, *, multiple_of=256, multiplier=1.0):
    if width < 1 or multiple_of < 1 or not multiplier > 0:
        raise ValueError(f"width={width}, multiple_of={multiple_of}, multiplier={multiplier}")
    wanted = int(multiplier * (8 * width // 3))
    return multiple_of * (wanted // multiple_of + 1)
