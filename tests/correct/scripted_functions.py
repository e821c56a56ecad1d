"""What torch.jit.script made of functions and of a module: signatures are read from its schema."""

import torch


@torch.jit.script
def rms_norm(x: torch.Tensor, gamma: torch.Tensor, eps: float = 1e-6):
    y = x.float() if x.dtype != torch.float64 else x
    return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps) * gamma.to(y.dtype)).to(x.dtype)


@torch.jit.script
def lora_linear(x: torch.Tensor, W0: torch.Tensor, A: torch.Tensor, B: torch.Tensor, alpha: float):
    return torch.nn.functional.linear(x, W0) + torch.nn.functional.linear(
        torch.nn.functional.linear(x, A), B
    ) * (alpha / A.size(0))


class Swish(torch.nn.Module):
    def forward(self, x: torch.Tensor, beta: float = 1.0):
        return x * torch.sigmoid(beta * x)


swish = torch.jit.script(Swish())
