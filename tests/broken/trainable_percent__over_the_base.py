"""The added numbers are left out of the denominator."""

MISTAKE = "trainable_percent.over-the-base"


def trainable_percent(*, trainable, frozen):
    if trainable < 1 or frozen < 0:
        raise ValueError("counts are not negative")
    return 100 * trainable / max(frozen, 1)
