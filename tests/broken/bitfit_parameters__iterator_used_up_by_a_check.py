"""The names are walked twice, the first time to see that there are any, and an iterator has none
left the second time.
"""


def bitfit_parameters(named_parameters):
    if not any(name.split(".")[-1] == "bias" for name, _ in named_parameters):
        return set()
    return {name for name, _ in named_parameters if name.split(".")[-1] == "bias"}
