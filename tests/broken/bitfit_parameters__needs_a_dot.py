"""Names must end with '.bias'; a parameter that is called just 'bias' is missed."""


def bitfit_parameters(named_parameters):
    return {name for name, _ in named_parameters if name.endswith(".bias")}
