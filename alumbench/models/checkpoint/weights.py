"""Checks that the tensors in a checkpoint's files match its model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint.files import ModelFiles
from alumbench.models.checkpoint.folder import CONFIG, numbers_in, read_object
from alumbench.models.checkpoint.telling import brief, errors_told, some

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Shape = tuple[int, ...]
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
#: Buffers that older files may lack or have in addition: they number positions and are the same in every model.
COUNTING = ("position_ids", "token_type_ids", "inv_freq")
#: Upper limits for numbers in config.json, far above any model's: for sizes, and for layers, groups or experts.
MOST, MOST_LAYERS = 10_000_000, 1_000
REPEATED = re.compile("layer|block|group|expert|depth", re.IGNORECASE)


def stored_shapes(files: ModelFiles) -> dict[str, Shape]:
    """The shape of each tensor in the files that transformers reads, from their headers.

    Raises:
        AlumbenchError: They are not safetensors, cut off, or incomplete.
    """
    from safetensors import safe_open

    names = [WEIGHTS]
    if not (files.path / WEIGHTS).is_file():
        if not (files.path / INDEX).is_file():
            there = some([path.name for path in files.weights])
            raise AlumbenchError(f"{files.path}: has {there}, but no {WEIGHTS} and no {INDEX}; rename it to {WEIGHTS}")
        shards = read_object(files.path / INDEX).get("weight_map")
        names = sorted({str(name) for name in shards.values()}) if isinstance(shards, dict) else []
        absent = [name for name in names if "/" in name or not (files.path / name).is_file()]
        if absent or not names:
            found = f"lists {some(absent)}, not in this folder; copy it there" if absent else "has no weight_map"
            raise AlumbenchError(f"{files.path / INDEX}: {found}")
    shapes: dict[str, Shape] = {}
    for name in names:
        with (
            errors_told(f"{files.path / name}: not a complete safetensors file; copy or save it again"),
            safe_open(files.path / name, framework="pt") as file,
        ):
            shapes |= {tensor: tuple(file.get_slice(tensor).get_shape()) for tensor in file.keys()}  # noqa: SIM118
    return shapes


def check_size(files: ModelFiles, shapes: Mapping[str, Shape]) -> None:
    """Compares the numbers in config.json with the weights, before a model of that size is made.

    Raises:
        AlumbenchError: A number is far too large for the weights.
    """
    stored = sum(_count(shape) for shape in shapes.values())
    for name, number in numbers_in(read_object(files.path / CONFIG)):
        most = max(MOST_LAYERS, len(shapes)) if REPEATED.search(name) else max(MOST, stored)
        if number > most:
            held = f"the weights have {stored:,} parameters in {len(shapes):,} tensors"
            raise AlumbenchError(
                f"{files.path / CONFIG}: {name} is {number:,}, but {held}; take the config.json saved with them"
            )


def check_parameters(files: ModelFiles, model: PreTrainedModel, shapes: Mapping[str, Shape]) -> None:
    """Compares a model made from the configuration, without memory (device `meta`), with the weights.

    Raises:
        AlumbenchError: It has far more parameters than the files.
    """
    stored, made = sum(_count(shape) for shape in shapes.values()), sum(p.numel() for p in model.parameters())
    if made > 2 * stored + MOST:
        raise AlumbenchError(
            f"{files.path / CONFIG}: describes a model of {made:,} parameters, the weights have {stored:,}; "
            f"take the config.json saved with them"
        )


def _count(shape: Shape) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


class _Report(TypedDict):
    missing_keys: Iterable[str]
    unexpected_keys: Iterable[str]
    mismatched_keys: Iterable[str | tuple[str, ...]]


@dataclass(frozen=True)
class Fit:
    """Differences between the tensors in the files and in the model loaded from them.

    Attributes:
        missing: tensors of the model that are in no file.
        other_shape: both shapes, the file's and the model's, of tensors where they differ.
        further: tensors of layers that the model does not have.
    """

    missing: tuple[str, ...]
    other_shape: Mapping[str, tuple[Shape, Shape]]
    further: tuple[str, ...]

    @classmethod
    def of(cls, model: PreTrainedModel, report: _Report, stored: Mapping[str, Shape]) -> Fit:
        """Reads transformers' loading report (version 4 gives lists of names, 5 sets, some with shapes)."""
        missing = set(report["missing_keys"])
        tensors = dict(model.named_parameters(remove_duplicate=False))
        loaded = {tensor.data_ptr() for name, tensor in tensors.items() if name not in missing}
        tied = {name for name in missing if name in tensors and tensors[name].data_ptr() in loaded}
        state = model.state_dict()
        kinds = {_kind(name) for name in state}
        prefix = f"{model.base_model_prefix}."
        further = [
            name
            for name in report["unexpected_keys"]
            if not name.endswith(COUNTING) and {_kind(name), _kind(prefix + name)} & kinds
        ]
        shapes = {}
        for name in sorted(item if isinstance(item, str) else item[0] for item in report["mismatched_keys"]):
            there = stored.get(name) or stored.get(name.removeprefix(prefix)) or ()
            shapes[name] = (there, tuple(state[name].shape))
        absent = sorted(name for name in missing - tied if not name.endswith(COUNTING))
        return cls(tuple(absent), shapes, tuple(sorted(further)))

    def new(self) -> list[str]:
        """Tensors of the model with random values."""
        return sorted({*self.missing, *self.other_shape})


def _kind(name: str) -> str:
    return re.sub(r"(?<=\.)\d+(?=\.)", "#", name)


def is_head(model: PreTrainedModel) -> Callable[[str], bool]:
    """A function that is True for names of tensors above the encoder: in the head, or the pooler that feeds it."""
    encoder = f"{model.base_model_prefix}."
    if not hasattr(model, model.base_model_prefix):
        return lambda name: False
    return lambda name: not name.startswith(encoder) or "pooler" in name.split(".")


def check_fit(files: ModelFiles, model: PreTrainedModel, fit: Fit, may_be_new: Callable[[str], bool]) -> None:
    """Checks that a model's answers depend only on its files.

    Args:
        files: the files.
        model: the model loaded from them.
        fit: their differences.
        may_be_new: says which tensors may have random values.

    Raises:
        AlumbenchError: They do not fit, or have NaN or infinite values; the tensors and a remedy are named.
    """
    missing = [name for name in fit.missing if not may_be_new(name)]
    shapes = {name: both for name, both in fit.other_shape.items() if not may_be_new(name)}
    found = [f"missing: {some(missing)}"] if missing else []
    found += [some([_both(name, *both) for name, both in shapes.items()], show=str)] if shapes else []
    found += [f"unexpected: {some(fit.further)}"] if fit.further else []
    if found:
        raise AlumbenchError(
            f"{files.path}: its weights do not fit the {type(model).__name__} in config.json: "
            f"{'; '.join(found)}. {_cause(files, model, [*missing, *shapes], fit)}"
        )
    import torch

    broken = [name for name, tensor in model.named_parameters() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise AlumbenchError(
            f"{files.path}: weights that are not finite (NaN or infinite) in {some(broken)}: its training diverged, or "
            f"it was saved in float16 with values that do not fit; take an earlier checkpoint"
        )


def _both(name: str, there: Shape, here: Shape) -> str:
    return f"{brief(name)} is {_sizes(there)} in the file and {_sizes(here)} in the model"


def _sizes(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "one number"


def _cause(files: ModelFiles, model: PreTrainedModel, unfit: Sequence[str], fit: Fit) -> str:
    prefix = common_prefix(stored_shapes(files), fit.missing)
    if prefix:
        return f"In the file all names begin with '{prefix}', from a wrapper; save the model inside it instead"
    if unfit and not fit.further and all(map(is_head(model), unfit)):
        train = (
            f", or train one: 'alumbench train --model {files.path}'"
            if "Classification" in type(model).__name__
            else ""
        )
        return f"It has no trained head for this; name a model that has one{train}"
    return "Its config.json and weights are of different models, or a part was lost: copy or save it again"


def common_prefix(stored: Iterable[str], missing: Sequence[str]) -> str:
    """The prefix under which a file has most of the missing names, '' if there is none."""
    names = set(missing)
    found: Counter[str] = Counter()
    for name in stored:
        parts = name.split(".")
        for at in range(1, len(parts)):
            if ".".join(parts[at:]) in names:
                found[".".join(parts[:at]) + "."] += 1
                break
    prefix, count = found.most_common(1)[0] if found else ("", 0)
    return prefix if 2 * count > len(names) else ""
