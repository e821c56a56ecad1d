"""Every law of the operators, as YAML: one file per operator, one folder per domain."""
