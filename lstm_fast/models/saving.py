"""Models to files and back."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lstm_fast import files
from lstm_fast.layers.base import REGISTRY, Layer
from lstm_fast.models import resume
from lstm_fast.training.compiled import Compiled
from lstm_fast.training.parameters import Array
from lstm_fast.utils.random import get_state, new_generator, set_state

if TYPE_CHECKING:
    from lstm_fast.models.model import Model


def all_layers(model: Model) -> list[Layer]:
    """The layers of a model with those inside them, each once, in order."""
    found: dict[int, Layer] = {}

    def walk(layer: Layer) -> None:
        for inner in layer.inner_layers():
            if id(inner) not in found:
                found[id(inner)] = inner
                walk(inner)

    walk(model)
    return list(found.values())


class _CanonicalNames:
    """While open, automatic names count from the start of this model, so that equal models give equal files."""

    def __init__(self, model: Model) -> None:
        self.layers = [model, *all_layers(model)]

    def __enter__(self) -> None:
        self.before = [layer.name for layer in self.layers]
        taken = {layer.name for layer in self.layers if not layer.auto_named}
        counts: dict[str, int] = {}
        for layer in self.layers:
            if layer.auto_named:
                name = base = layer.base_name
                while name in taken:
                    counts[base] = counts.get(base, 0) + 1
                    name = f"{base}_{counts[base]}"
                layer.name = name
                taken.add(name)

    def __exit__(self, *_: Any) -> None:
        for layer, name in zip(self.layers, self.before, strict=True):
            layer.name = name


def weight_tensors(model: Model) -> dict[str, Array]:
    tensors: dict[str, Array] = {}
    for p in model.weights:
        if p.path in tensors:
            raise ValueError(f"save: two weights are named {p.path}; give the layers different names")
        tensors[p.path] = p.array
    return tensors


def generators(model: Model) -> dict[str, np.random.Generator]:
    """The random generators of a model, by layer; the order of rows under ''."""
    found = {layer.name: getattr(layer, "rng", None) for layer in all_layers(model)}
    found[""] = model.shuffle_rng
    return {name: rng for name, rng in found.items() if isinstance(rng, np.random.Generator)}


def save(model: Model, path: str | os.PathLike[str], include_optimizer: bool = True) -> None:
    """Write architecture, weights and, when compiled, everything that training needs to go on bit by bit."""
    compiled = model._compiled if include_optimizer else None
    with _CanonicalNames(model):
        tensors = weight_tensors(model)
        settings: dict[str, Any] = {"model": {"class_name": type(model).__name__, "config": model.get_config()}}
        settings["random"] = {name: get_state(rng) for name, rng in generators(model).items()}
        training = None if compiled is None else compiled.get_config()
        settings["compile"] = training
        if compiled is not None and training is not None:
            settings["iterations"] = compiled.optimizer.iterations
            tensors |= {f"optimizer/{slot}/{p.path}": part for slot, p, part in compiled.optimizer.tensors()}
            if model.progress is not None:
                settings["resume"], arrays = resume.pack(*model.progress)
                tensors |= arrays
        files.write("save", path, tensors, settings)


def save_weights(model: Model, path: str | os.PathLike[str]) -> None:
    with _CanonicalNames(model):
        files.write("save_weights", path, weight_tensors(model), {"model": None})


def load_weights(model: Model, path: str | os.PathLike[str]) -> None:
    tensors, _ = files.read("load_weights", path)
    _ = model.graph  # an unbuilt model has no weights to fill
    with _CanonicalNames(model):
        _assign(model, "load_weights", path, tensors)


def _assign(model: Model, op: str, path: Any, tensors: dict[str, Array]) -> None:
    """Weights by name; all are checked before the first is written."""
    for p in model.weights:
        a = tensors.get(p.path)
        if a is None:
            raise ValueError(f"{op}: {os.fspath(path)} has no weights {p.path}; it was saved from another model")
        if a.shape != p.shape:
            raise ValueError(f"{op}: {os.fspath(path)} has {p.path} of shape {a.shape}, the model expects {p.shape}")
    known = {p.path for p in model.weights}
    extra = [name for name in tensors if name not in known and not name.startswith(("optimizer/", resume.PREFIX))]
    if extra:
        raise ValueError(f"{op}: {os.fspath(path)} has weights {extra[0]}, which the model lacks")
    for p in model.weights:
        p.assign(tensors[p.path])


def load_model(path: str | os.PathLike[str], custom_objects: Any = None, compile: bool = True, **ignored: Any) -> Model:
    """The model that `save` wrote: architecture, weights, and with `compile` the state of its training.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no model file, is damaged, or is of a newer version.
    """
    tensors, settings = files.read("load_model", path)
    name = os.fspath(path)
    if settings.get("model") is None:
        raise ValueError(f"load_model: {name} has weights only; make the model and call load_weights")
    model: Model = _checked(name, lambda: _make(settings["model"]))
    _assign(model, "load_model", path, tensors)
    for key, state in _checked(name, lambda: dict(settings["random"])).items():
        _restore_random(model, name, key, state)
    training = settings.get("compile")
    if compile and training is not None:

        def restore() -> None:
            model._compiled = Compiled(
                training["optimizer"], training["loss"], training["loss_weights"], training["metrics"],
                training["weighted_metrics"], model.output_names,
            )  # fmt: skip
            optimizer = model._compiled.optimizer
            optimizer.iterations = int(settings["iterations"])
            slots = {k: v for k, v in tensors.items() if k.startswith("optimizer/")}
            if slots:
                optimizer.build(model.flatten())
                for slot, p, part in optimizer.tensors():
                    part[...] = slots[f"optimizer/{slot}/{p.path}"]
            if "resume" in settings:
                model.resume = resume.Resume(settings["resume"], tensors)

        _checked(name, restore)
    return model


def _make(settings: dict[str, Any]) -> Model:
    made: Any = REGISTRY[settings["class_name"]].from_config(settings["config"])
    for layer in [made, *all_layers(made)]:
        layer.auto_named = layer.name.rstrip("0123456789").rstrip("_") == layer.base_name
    model: Model = made
    return model


def _restore_random(model: Model, path: str, key: str, state: dict[str, Any]) -> None:
    def restore() -> None:
        if key == "":
            model.shuffle_rng = new_generator(0)
        set_state(generators(model)[key], state)

    _checked(path, restore)


def _checked(path: str, function: Callable[[], Any]) -> Any:
    """The result; whatever a damaged configuration makes fail becomes one line."""
    try:
        return function()
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"load_model: {path} has a damaged configuration ({type(error).__name__}: {error})") from None
