"""The number that is printed is the number that is returned: rounded to four decimals."""


def trainable_percent(*, trainable, frozen):
    if trainable < 1 or frozen < 0:
        raise ValueError("trainable must be positive and frozen not negative")
    return round(100 * trainable / (trainable + frozen), 4)
