"""Well-known mistakes that no expression over the oracle can state, as wrong operators."""
