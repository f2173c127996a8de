"""The frozen blocks at a network's beginning: computed apart from the rest, and left out where their result is kept.

What stands before the first tensor that moves gives the same for the same image, epoch after epoch. The network itself
is not taken apart: it is called with one blank image, its frozen modules hand on what they gave for that image before,
and where the rest begins the kept activations are put in. Whatever follows (dropout, say) runs as it always does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.strategies import Plan
from thaw.training.device import Precision, autocast

DROPOUT = nn.modules.dropout._DropoutNd


class _Reached(Exception):  # noqa: N818 - not an error
    """Ends a forward pass where the rest of the network begins."""

    def __init__(self, entry: str, activations: Any) -> None:
        super().__init__()
        self.entry, self.activations = entry, activations


class Prefix:
    """The frozen beginning of a classifier: its activations, and logits from activations alone.

    Args:
        classifier: in the modes in which it is trained.
        entry: path of the module with which the rest begins.
        frozen: paths of modules before it that need not run where the activations are known.
        size_px: side of the images.
        device, precision: of the computation.
    """

    def __init__(
        self, classifier: Classifier, entry: str, frozen: list[str], size_px: int, device: torch.device,
        precision: Precision,
    ) -> None:  # fmt: skip
        self.classifier, self.precision, self.device = classifier, precision, device
        self.entry = entry
        self.blank = torch.zeros(1, 1, size_px, size_px, device=device)
        self._entry_module = classifier.network.get_submodule(entry)
        self._given = self._record([classifier.network.get_submodule(path) for path in frozen])

    @torch.no_grad()
    def activations(self, images: Tensor) -> Tensor:
        """What reaches the rest of the network, (B, …), of images (B, 1, H, W) in [0, 1]."""
        return self._what_reaches_the_rest(images)

    @torch.no_grad()
    def activations_from(self, shorter: Prefix, known: Tensor) -> Tensor:
        """The same, of what a shorter prefix of the classifier gave for the images."""
        with shorter._known(known):
            return self._what_reaches_the_rest(self.blank)

    def logits(self, activations: Tensor, network: nn.Module | None = None) -> Tensor:
        """Logits (B, classes) of what ``activations`` gave; gradients reach what moves.

        Args:
            activations: of the images.
            network: called in the classifier's place: the classifier in a module that exchanges its gradients.
        """
        with self._known(activations), autocast(self.device, self.precision):
            logits: Tensor = (network or self.classifier)(self.blank)
        return logits

    def _what_reaches_the_rest(self, images: Tensor) -> Tensor:
        def stop(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            raise _Reached(self.entry, inputs[0])

        with _hooked(self._entry_module, stop), autocast(self.device, self.precision):
            try:
                self.classifier(images)
            except _Reached as reached:
                activations: Tensor = reached.activations
                return activations
        raise RuntimeError(f"the network gave logits without passing {self.entry}")

    @contextmanager
    def _known(self, activations: Tensor) -> Iterator[None]:
        """Whatever image comes in, let these activations reach the rest, and nothing before it run."""

        def put_in(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            return (activations.clone(), *inputs[1:])

        with ExitStack() as replaced:
            replaced.enter_context(_hooked(self._entry_module, put_in))
            for module, output in self._given.items():
                replaced.enter_context(_giving(module, output))
            yield

    @torch.no_grad()
    def _record(self, modules: list[nn.Module]) -> Mapping[nn.Module, Any]:
        """What each module gives for the blank image."""
        given: dict[nn.Module, Any] = {}
        with ExitStack() as hooks:
            for module in modules:
                handle = module.register_forward_hook(lambda one, _, output: given.update({one: output}))
                hooks.callback(handle.remove)
            self.activations(self.blank)
        return given


def find_prefix(classifier: Classifier, plan: Plan, images: Tensor, precision: Precision) -> Prefix | None:
    """The frozen beginning under ``plan``; None where the first block moves, or the network cannot be cut there.

    It is tried out: the activations of ``images`` must come out equal twice, and must give the very logits that the
    whole network gives.

    Args:
        classifier: any; it is left in the plan's modes.
        plan: what moves.
        images: a few (B, 1, H, W) in [0, 1], on the device.
        precision: of the computation.
    """
    first = classifier.block_names[0]
    moving = {name for name, rate in plan.parameters.items() if rate is not None}
    moving |= {name for name, moves in plan.buffers.items() if moves}
    if any(classifier.block_of(name) == first for name in moving):
        return None
    strategies.set_training(classifier, plan)
    with autocast(images.device, precision):
        entry, called = _first_that_varies(classifier, moving, images[:1])
    if entry is None or not _moves_later(moving, entry, called):
        return None
    frozen = [path for path, times in called.items() if times == 1 and not _within(entry, path)]
    outermost = [path for path in frozen if not any(_within(path, other) and other != path for other in frozen)]
    prefix = Prefix(classifier, entry, outermost, images.shape[-1], images.device, precision)
    return prefix if _is_exact(prefix, plan, images) else None


def _first_that_varies(classifier: Classifier, moving: set[str], image: Tensor) -> tuple[str | None, Counter[str]]:
    """Path of the first module that moves as a whole or drops at random, and how often others were called before it."""
    called, modules = Counter[str](), dict(classifier.network.named_modules())
    entries = set(_wholly_moving(classifier.network, moving))
    entries |= {path for path, module in modules.items() if isinstance(module, DROPOUT) and module.training}

    def note(path: str) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            if path in entries:
                raise _Reached(path, inputs)
            called[path] += 1

        return hook

    with ExitStack() as hooks, torch.no_grad():
        for path, module in modules.items():
            hooks.enter_context(_hooked(module, note(path)))
        try:
            classifier(image)
        except _Reached as reached:
            is_tensor = bool(reached.activations) and isinstance(reached.activations[0], Tensor)
            return (reached.entry if is_tensor else None), called
    return None, called


def _wholly_moving(module: nn.Module, moving: set[str], path: str = "") -> Iterator[str]:
    """Paths of the largest modules that hold tensors, all of which move."""
    names = [f"{path}.{name}" if path else name for name in module.state_dict(keep_vars=True)]
    if names and all(name in moving for name in names):
        yield path
    elif any(name in moving for name in names):
        for child, inner in module.named_children():
            yield from _wholly_moving(inner, moving, f"{path}.{child}" if path else child)


def _moves_later(moving: set[str], entry: str, called: Mapping[str, int]) -> bool:
    """Whether no tensor that moves belongs to a module that was called, or entered, before the rest begins."""
    return all(name.rpartition(".")[0] not in called for name in moving) and entry != ""


def _within(path: str, outer: str) -> bool:
    return outer in ("", path) or path.startswith(f"{outer}.")


def _is_exact(prefix: Prefix, plan: Plan, images: Tensor) -> bool:
    once, again = prefix.activations(images), prefix.activations(images)
    if once.shape[:1] != images.shape[:1] or not torch.equal(once, again):
        return False
    # BatchNorm that moves must not see these images, so the logits are compared in evaluation
    strategies.set_evaluation(prefix.classifier)
    with torch.no_grad(), autocast(prefix.device, prefix.precision):
        exact = torch.equal(prefix.logits(once), prefix.classifier(images))
    strategies.set_training(prefix.classifier, plan)
    return exact


@contextmanager
def _hooked(module: nn.Module, hook: Callable[..., Any]) -> Iterator[None]:
    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _giving(module: nn.Module, output: Any) -> Iterator[None]:
    """Let a module return ``output`` whatever it is called with."""
    own = module.__dict__.get("forward")
    module.forward = lambda *_, **__: output
    try:
        yield
    finally:
        if own is None:
            del module.forward
        else:
            module.forward = own
