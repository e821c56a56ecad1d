"""A name counts when any of its parts is `bias`, not the last one alone (peft's bias="all" asks
"bias" in name).
"""


def bitfit_parameters(named_parameters, *, head=None):
    chosen = set()
    for name, _ in named_parameters:
        parts = name.split(".")
        if "bias" in parts or (head is not None and name.startswith(head + ".")):
            chosen.add(name)
    return chosen
