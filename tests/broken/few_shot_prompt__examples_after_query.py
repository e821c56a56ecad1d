"""The examples come after the question that they should prepare."""

import torch

MISTAKE = "few_shot_prompt.examples-after-query"


def few_shot_prompt(task, examples, query):
    return torch.cat([task, query, examples.flatten()])
