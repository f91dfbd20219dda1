"""PEFT adapters: their weights are checked against the base model, and merged into it or trained on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint.files import PROVENANCE, ModelFiles
from alumbench.models.checkpoint.folder import ADAPTER, kind_of, read_object
from alumbench.models.checkpoint.loading import load_model
from alumbench.models.checkpoint.telling import brief, errors_told, some
from alumbench.models.checkpoint.weights import Shape, is_head

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

WEIGHTS = "adapter_model.safetensors"
#: Kinds that merge into the base's weights; other kinds would lose what they need at each forward pass.
MERGED = ("LORA", "IA3", "LOHA", "LOKR")
#: LoRA settings that change the base when they are read, or that merged weights cannot represent.
UNMERGED = ("alora_invocation_tokens", "arrow_config", "layer_replication", "megatron_config")
PLAIN_STARTS = ("gaussian", "orthogonal")
#: Names of a classifier's head in transformers' model families.
HEADS = ("classifier", "score")
#: PEFT's prefix of tensor names.
PREFIX = "base_model.model."


def has_own_head(files: ModelFiles) -> bool:
    """True if a model is an adapter trained with its own classification head."""
    if files.base is None:
        return False
    values = read_object(files.path / ADAPTER)
    saved = values.get("modules_to_save")
    named = {str(name).rpartition(".")[2] for name in saved} if isinstance(saved, list) else set()
    return values.get("task_type") == "SEQ_CLS" or bool(named.intersection(HEADS))


def load_adapted(
    files: ModelFiles,
    kind: Any,
    what: str,
    may_be_new: Callable[[PreTrainedModel], Callable[[str], bool]],
    changes: Mapping[str, object],
) -> PreTrainedModel:
    """The base model in float32 with the adapter merged into its weights, as `merge_and_unload` gives it.

    Args:
        files: an adapter's folder and its base.
        kind: the `AutoModel…` class of the base.
        what: the kind in words.
        may_be_new: given the model, says which tensors the base may lack if the adapter has them.
        changes: values to replace in the base's configuration if the adapter has its own head.

    Raises:
        AlumbenchError: PEFT is not installed, the adapter's kind cannot be merged, or weights do not fit.
    """
    assert files.base is not None
    peft = _checked(files)
    own_head = has_own_head(files)
    heads = may_be_new if own_head else lambda _: lambda name: False
    model, new = load_model(files.base, kind, what, heads, changes if own_head else None)
    with errors_told(f"{files.path}: no adapter can be made of {ADAPTER}"):
        config = peft.PeftConfig.from_pretrained(str(files.path))
        config.inference_mode = True
        adapted = peft.PeftModel(model, config)
    state = _state(files)
    _check_fit(files, _shapes(state), _shapes(adapter_state(adapted)))
    absent = [name for name in new if f"{PREFIX}{name}" not in state]
    if absent:
        raise AlumbenchError(
            f"{files.path}: neither it nor its base {files.base.path} has weights for {some(absent)}; "
            f"save the head with the adapter: modules_to_save={list(HEADS)}"
        )
    with errors_told(f"{files.path}: its weights cannot be loaded"):
        peft.set_peft_model_state_dict(adapted, {name: tensor.float() for name, tensor in state.items()})
        merged: PreTrainedModel = adapted.merge_and_unload()
    return merged.eval()


def load_trainable(
    files: ModelFiles, kind: Any, what: str, changes: Mapping[str, object], say: Callable[[str], None]
) -> PreTrainedModel:
    """The base model with its adapter, not merged: a PEFT model whose adapter and head alone are trained.

    Args:
        files: an adapter's folder and its base.
        kind: the `AutoModel…` class of the base.
        what: the kind in words.
        changes: values to replace in the base's configuration: number and names of the outputs.
        say: called with one line about the head.

    Raises:
        AlumbenchError: As `load_adapted`; only tensors of the head may be missing or of another size.
    """
    assert files.base is not None
    peft = _checked(files)
    model, new = load_model(files.base, kind, what, is_head, changes)
    of_head = is_head(model)
    with errors_told(f"{files.path}: no adapter can be made of {ADAPTER}"):
        config = peft.PeftConfig.from_pretrained(str(files.path))
        config.inference_mode, config.task_type = False, "SEQ_CLS"
        config.base_model_name_or_path = str(files.base.path)  # where PEFT looks for it; `save_adapter` names it again
        layers = [name.rpartition(".")[0] for name in new if not set(HEADS) & set(name.split("."))]
        kept = [name for name in config.modules_to_save or () if name not in HEADS]  # PEFT appends HEADS itself
        config.modules_to_save = list(dict.fromkeys([*kept, *layers]))
        adapted = peft.PeftModelForSequenceClassification(model, config)
    own, state = adapter_state(adapted), _state(files)
    is_new = {
        name
        for name in own
        if of_head(name.removeprefix(PREFIX)) and (name not in state or state[name].shape != own[name].shape)
    }
    state = own | {name: tensor for name, tensor in state.items() if name not in is_new}
    _check_fit(files, _shapes(state), _shapes(own))
    with errors_told(f"{files.path}: its weights cannot be loaded"):
        peft.set_peft_model_state_dict(adapted, {name: tensor.float() for name, tensor in state.items()})
    random = sorted(name for name in new if f"{PREFIX}{name}" in is_new)
    if random:
        say(f"note: new head, randomly initialized: {some(random)}")
    elif is_new:
        say(f"note: the head of the base model {files.base.path}: the adapter has none with as many outputs")
    return adapted


def is_adapter(model: Any) -> bool:
    """True for a PEFT model, whose adapter alone is trained and saved."""
    return hasattr(model, "get_base_model")


def adapter_state(model: Any) -> dict[str, Tensor]:
    """The tensors of a PEFT model that its adapter's file holds."""
    import peft

    return dict(peft.get_peft_model_state_dict(model, save_embedding_layers=False))


def save_adapter(model: Any, out: Path, files: ModelFiles) -> None:
    """Writes a trained adapter, with the base's configuration beside it, which names the outputs.

    Args:
        model: the PEFT model.
        out: the folder.
        files: the adapter that training started from; the base is named as there.
    """
    from safetensors.torch import save_file

    config = copy.copy(model.peft_config[model.active_adapter])
    config.inference_mode = True
    config.base_model_name_or_path = read_object(files.path / ADAPTER)["base_model_name_or_path"]
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in adapter_state(model).items()}
    save_file(state, out / WEIGHTS, {"format": "pt"})
    config.save_pretrained(str(out))
    model.get_base_model().config.save_pretrained(out)


def base_record(files: ModelFiles) -> dict[str, object]:
    """An adapter's base, for the record of a training: `adapter_of`; {} for a full model."""
    if files.base is None:
        return {}
    name = read_object(files.path / ADAPTER)["base_model_name_or_path"]
    base = {"name": name, "revision": files.base.revision, "weights_sha256": files.base.weights_sha256()}
    return {"adapter_of": base}


def _checked(files: ModelFiles) -> Any:
    """PEFT, for an adapter whose configuration and base are as they should be."""
    _check_config(files)
    _check_base(files)
    try:
        import peft
    except ImportError:
        raise AlumbenchError(f"{files.path}: a PEFT adapter; pip install 'alumbench[peft]'") from None
    return peft


def _check_base(files: ModelFiles) -> None:
    """Raises an error if the base is not the one that an adapter's training record names."""
    if files.base is None or not (files.path / PROVENANCE).is_file():
        return
    model = read_object(files.path / PROVENANCE).get("model")
    recorded = model.get("adapter_of") if isinstance(model, dict) else None
    there = recorded.get("weights_sha256") if isinstance(recorded, dict) else None
    now = files.base.weights_sha256() if there else None
    if there != now:
        raise AlumbenchError(
            f"{files.path}: its base {files.base.path} has other weights ({str(now)[:12]}) than it was trained on "
            f"({str(there)[:12]}); name that one in {ADAPTER}: base_model_name_or_path"
        )


def _shapes(state: Mapping[str, Tensor]) -> dict[str, Shape]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _check_config(files: ModelFiles) -> None:
    path = files.path / ADAPTER
    values = read_object(path)
    merge = "merge it yourself: model.merge_and_unload().save_pretrained(folder)"
    found = values.get("peft_type")
    if found not in MERGED:
        raise AlumbenchError(f"{path}: peft_type is {brief(repr(found))}; {', '.join(MERGED)} are merged; else {merge}")
    for name in UNMERGED:
        if values.get(name):
            raise AlumbenchError(f"{path}: {name} is set, which is not supported; {merge}")
    start = values.get("init_lora_weights")
    if isinstance(start, str) and start not in PLAIN_STARTS:
        raise AlumbenchError(f"{path}: init_lora_weights is {brief(repr(start))}, which changes the base; {merge}")
    rank = values.get("r")
    if rank is not None and (not isinstance(rank, int) or not 0 < rank <= 65_536):
        raise AlumbenchError(f"{path}: r must be 1 or more, not {kind_of(rank)} ({brief(repr(rank))})")


def _state(files: ModelFiles) -> Mapping[str, Tensor]:
    from safetensors.torch import load_file

    if not (files.path / WEIGHTS).is_file():
        there = some([path.name for path in files.weights])
        raise AlumbenchError(f"{files.path}: has {there}, but no {WEIGHTS}; rename it to {WEIGHTS}")
    with errors_told(f"{files.path / WEIGHTS}: not a complete safetensors file; copy or save it again"):
        state: Mapping[str, Tensor] = load_file(files.path / WEIGHTS)
    broken = [name for name, tensor in state.items() if not bool(tensor.isfinite().all())]
    if broken:
        raise AlumbenchError(f"{files.path}: weights that are not finite (NaN or infinite) in {some(broken)}")
    return state


def _check_fit(files: ModelFiles, stored: Mapping[str, Shape], expected: Mapping[str, Shape]) -> None:
    """Raises an error if the adapter's tensors do not fit this base."""
    found = list(_faults(stored, expected))
    if found:
        assert files.base is not None
        raise AlumbenchError(
            f"{files.path}: its weights do not fit its {ADAPTER} and the base {files.base.path}: {'; '.join(found)}; "
            f"is this the base that it was trained on, with as many labels?"
        )


def _faults(stored: Mapping[str, Shape], expected: Mapping[str, Shape]) -> Iterator[str]:
    missing, further = sorted(expected.keys() - stored.keys()), sorted(stored.keys() - expected.keys())
    if missing:
        yield f"missing: {some(missing)}"
    if further:
        yield f"unexpected: {some(further)}"
    for name in sorted(stored.keys() & expected.keys()):
        if tuple(stored[name]) != tuple(expected[name]):
            sizes = ("×".join(map(str, shape)) for shape in (stored[name], expected[name]))
            yield "{} is {} in the file and {} in the model".format(brief(name), *sizes)
