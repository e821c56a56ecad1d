"""The worker process: the only place where a target's code runs.

The parent describes a call (`protocol`), the worker answers it. Nothing here imports a target in
the parent, and nothing here knows what the right answer is.
"""
