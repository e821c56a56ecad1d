"""Targets that come with the checker; `conform run --target torch` is `torch_functional`."""
