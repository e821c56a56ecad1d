"""Layers times window, as the paper has it."""

MISTAKE = "effective_context.nominal"


def effective_context(layers, window):
    return layers * window
