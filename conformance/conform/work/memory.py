"""The worker's own copies of the arguments, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from conform.work.effects import changed_mask, same_bits
from conform.work.protocol import Arg, ArgKey, TensorArg
from conform.work.results import plain_values


class ArgumentMemory:
    """Private copies of a request's buffers on the target's device, and views of them.

    The request's storages (which lie in the arena) stay pristine and are what the copies are
    compared with afterwards.
    """

    def __init__(self, named: dict[ArgKey, Arg], device: str) -> None:
        self._args = {key: arg for key, arg in named.items() if isinstance(arg, TensorArg)}
        self._device = device
        self.joined = False
        self._copies: dict[int, torch.Tensor] = {}
        self.views: dict[ArgKey, torch.Tensor] = {}
        same: dict[tuple[object, ...], torch.Tensor] = {}  # passed twice, it is one object
        for key, arg in self._args.items():
            copy = self._copies.get(id(arg.storage))
            if copy is None:
                copy = arg.storage.clone() if device == "cpu" else arg.storage.to(device)
                self._copies[id(arg.storage)] = copy
            place = (id(arg.storage), arg.shape, arg.strides, arg.offset)
            if place not in same:
                same[place] = copy.as_strided(arg.shape, arg.strides, arg.offset)
            self.views[key] = same[place]
        self._versions = {key: view._version for key, view in self.views.items()}

    def restore(self) -> None:
        """Write the original values back, in place."""
        with torch.no_grad():
            for arg in self._args.values():
                self._copies[id(arg.storage)].copy_(arg.storage)
        self._versions = {key: view._version for key, view in self.views.items()}

    def change_floats(self, keys: Sequence[ArgKey] | None = None) -> None:
        """Other values in the same shapes and memory, as legal as the first ones (of `keys`).

        Half as large and in reverse: halving alone leaves the largest where it was.
        """
        for view in self._distinct(self._args if keys is None else keys):
            if view.is_floating_point():
                with torch.no_grad():
                    view.copy_(_reversed(view) * 0.5)

    def floats(self) -> list[ArgKey]:
        """Keys of the floating-point arguments, in order."""
        return [key for key, view in self.views.items() if view.is_floating_point()]

    def reverse_integers(self, keys: Sequence[ArgKey], offsets: Sequence[ArgKey] = ()) -> None:
        """Integers and booleans in reverse along every axis, offsets by their steps in reverse."""
        for view in self._distinct(keys):
            if not view.is_floating_point():
                view.copy_(_reversed(view))
        for view in self._distinct(offsets):
            view.copy_(view[-1] - _reversed(view))

    def _distinct(self, keys: Iterable[ArgKey]) -> list[torch.Tensor]:
        """The views, each once and without the axes along which they are expanded."""
        found = []
        for view in {id(self.views[key]): self.views[key] for key in keys}.values():
            once = view
            for axis, stride in enumerate(view.stride()):
                once = once.narrow(axis, 0, 1) if stride == 0 and view.numel() else once
            found.append(once)
        return found

    def straighten(self) -> bool:
        """Replace the views by contiguous copies of their own; whether that changes any."""
        bent = any(not view.is_contiguous() for view in self.views.values())
        own = {id(view): view.contiguous() for view in self.views.values()}
        self.views = {key: own[id(view)] for key, view in self.views.items()}
        return bent

    def join(self, first: ArgKey, second: ArgKey, *, equal: bool = False) -> None:
        """One tensor for two arguments, a leaf for both; or `equal` ones."""
        own = self.views[first]
        self.views[second] = own.clone() if equal else own
        self.joined = not equal

    @property
    def has_floats(self) -> bool:
        """Whether any argument is of a floating dtype."""
        return any(copy.is_floating_point() for copy in self._copies.values())

    def changed(self) -> tuple[dict[ArgKey, int], dict[ArgKey, int]]:
        """Changed elements by argument: within its view, and outside every view of its buffer."""
        mutated: dict[ArgKey, int] = {}
        margins: dict[ArgKey, int] = {}
        masks: dict[int, torch.Tensor] = {}
        for storage in {id(arg.storage): arg.storage for arg in self._args.values()}.values():
            now = self._copies[id(storage)].cpu()
            if not same_bits(now, storage):
                masks[id(storage)] = changed_mask(now, storage)
        for key, arg in self._args.items():
            mask = masks.get(id(arg.storage))
            if mask is None:
                continue
            inside = int((mask & self._viewed(arg.storage, [arg])).sum())
            outside = int((mask & ~self._viewed(arg.storage, list(self._args.values()))).sum())
            if inside:
                mutated[key] = inside
            if outside:
                margins[key] = outside
        return mutated, margins

    @staticmethod
    def _viewed(storage: torch.Tensor, args: list[TensorArg]) -> torch.Tensor:
        seen = torch.zeros(storage.numel(), dtype=torch.bool)
        for arg in args:
            if arg.storage is storage and 0 not in arg.shape:
                seen.as_strided(arg.shape, arg.strides, arg.offset).fill_(True)
        return seen

    def asks_for_gradients(self) -> bool:
        """Whether an argument was switched to need a gradient; it is switched back."""
        switched = [view for view in self.views.values() if view.is_leaf and view.requires_grad]
        for view in switched:
            view.requires_grad_(False)
        return bool(switched)

    def version_changed(self) -> tuple[ArgKey, ...]:
        """Arguments whose autograd version counter moved."""
        return tuple(k for k, view in self.views.items() if view._version != self._versions[k])

    def shared_with(self, results: list[torch.Tensor]) -> tuple[ArgKey, ...]:
        """Arguments whose buffer a result lies in."""
        addresses = {_address(result) for result in results} - {0}
        return tuple(key for key, view in self.views.items() if _address(view) in addresses)


def _reversed(x: torch.Tensor) -> torch.Tensor:
    return x.flip(tuple(range(x.dim())))


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class KeptResults:
    """Results that the target gave out, with copies of their values, to see whether they last."""

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        self._tensors = tensors
        self._copies = [plain_values(tensor).clone() for tensor in tensors]

    def intact(self) -> bool:
        """Whether every result still holds the bits that it had."""
        return all(
            same_bits(plain_values(tensor), copy)
            for tensor, copy in zip(self._tensors, self._copies, strict=True)
        )
