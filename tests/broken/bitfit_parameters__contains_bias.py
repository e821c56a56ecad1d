"""Every name that contains bias is trained, relative_attention_bias.weight included."""

MISTAKE = "bitfit_parameters.contains-bias"


def bitfit_parameters(named_parameters, *, head=None):
    names = [name for name, _ in named_parameters]
    inside = {name for name in names if head and name.startswith(head + ".")}
    return inside | {name for name in names if "bias" in name}
