"""Models and checkpoints from disk, mirror or hub: safetensors only, no remote code, labels by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alumbench.errors import AlumbenchError, unknown
from alumbench.storage import read_json, sha256_of
from alumbench.tasks import Task, load_task, mirror

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PROVENANCE = "training.json"
CONFIG_FILES = ("config.json", "tokenizer_config.json")


@dataclass(frozen=True)
class ModelFiles:
    """A model folder that was checked before anything in it was read by a library.

    Attributes:
        path: the folder.
        revision: the hub commit it came from, '' for a local folder.
    """

    path: Path
    revision: str = ""

    @property
    def weights(self) -> list[Path]:
        """Its safetensors files, sorted."""
        return sorted(self.path.glob("*.safetensors"))

    def weights_sha256(self) -> str:
        """One hash that ties records to these weights (of the file, or of the sorted list of its shards' hashes)."""
        hashes = [sha256_of(path) for path in self.weights]
        if len(hashes) == 1:
            return hashes[0]
        import hashlib

        return hashlib.sha256("".join(hashes).encode()).hexdigest()


def find_model(name: str) -> ModelFiles:
    """The folder of a model named by path, hub id or `ID@REVISION` (looked up in the mirror when one is set).

    Raises:
        AlumbenchError: It is nowhere, has no safetensors, or wants to run code of its own.
    """
    path, revision = Path(name).expanduser(), ""
    name, _, wanted = name.partition("@")
    root = mirror()
    if not path.is_dir() and root is not None:
        path = root / "models" / name
        if wanted:
            raise AlumbenchError(f"{name}@{wanted}: a mirror has no revisions; unset ALUMBENCH_MIRROR to use the hub")
        if not path.is_dir():
            models = root / "models"
            known = [str(at.parent.relative_to(models)) for at in models.glob("**/config.json")]
            raise unknown("model", name, known) if known else AlumbenchError(f"{path}: no such model in the mirror")
    elif not path.is_dir():
        path, revision = _download(name, wanted)
    files = ModelFiles(path, revision)
    if not (path / "config.json").is_file():
        raise AlumbenchError(f"{path}: no config.json, so it is no transformers checkpoint")
    if not files.weights:
        found = ", ".join(sorted(p.name for p in path.iterdir() if p.suffix in {".bin", ".pt", ".pth", ".pkl"}))
        raise AlumbenchError(
            f"{path}: no .safetensors file"
            + (f"; {found} is a pickle, which can run code when it is loaded, and is refused" if found else "")
            + ". In a place you trust, convert it: model.save_pretrained(folder, safe_serialization=True)"
        )
    for file in CONFIG_FILES:
        if (path / file).is_file() and "auto_map" in read_json(path / file):
            raise AlumbenchError(
                f"{path / file}: names Python code of its own (auto_map), which is refused; "
                f"use a model that the installed transformers knows"
            )
    return files


def _download(name: str, revision: str) -> tuple[Path, str]:
    import huggingface_hub

    try:
        folder = huggingface_hub.snapshot_download(
            name,
            revision=revision or None,
            allow_patterns=["*.safetensors", "*.json", "*.txt", "*.model", "tokenizer*"],
        )
    except Exception as error:
        raise AlumbenchError(
            f"model '{name}': no such folder, and the hub does not give it "
            f"({type(error).__name__}: {str(error).splitlines()[0][:160]}). "
            f"Give a folder, go online, or set ALUMBENCH_MIRROR to a folder with models/{name}"
        ) from error
    return Path(folder), Path(folder).name


def load_tokenizer(files: ModelFiles) -> PreTrainedTokenizerBase:
    """The tokenizer beside the weights; with no length limit of its own, 512.

    Raises:
        AlumbenchError: The folder has none that this transformers can read.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(files.path, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AlumbenchError(f"{files.path}: the tokenizer cannot be loaded: {str(error)[:300]}") from error
    if tokenizer.pad_token is None:
        raise AlumbenchError(f"{files.path}: the tokenizer has no padding token, so texts cannot be batched")
    tokenizer.model_max_length = min(tokenizer.model_max_length, 512)
    return tokenizer


def mark_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of [CLS], [SEP], padding and their like; [UNK] and [MASK] stand for words, so they are none."""
    words = {tokenizer.unk_token_id, tokenizer.mask_token_id}
    words -= {getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "sep", "cls", "pad")}  # GPT-2 has one
    return [number for number in tokenizer.all_special_ids if number not in words]


def load_classifier(files: ModelFiles, task: Task | None = None) -> PreTrainedModel:
    """The sequence classifier in float32; with a `task`, its head is sized and named for it (new if need be).

    Raises:
        AlumbenchError: No sequence classifier can be made of it.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    values: dict[str, Any] = {}
    if task is not None:
        names = list(task.labels) or ["score"]
        values = {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: index for index, name in enumerate(names)},
            "problem_type": "regression" if task.is_regression else "single_label_classification",
            "ignore_mismatched_sizes": True,
        }
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # a new head is what was asked for, no reason to warn
    try:
        return AutoModelForSequenceClassification.from_pretrained(
            files.path, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, **values
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise AlumbenchError(f"{files.path}: no sequence classifier can be loaded: {str(error)[:300]}") from error
    finally:
        logging.set_verbosity(verbosity)


def checkpoint_task(files: ModelFiles, name: str = "") -> Task:
    """The task a checkpoint was trained on: its own record of it, or the task of that name.

    Raises:
        AlumbenchError: It has no `training.json` and no name was given.
    """
    if name:
        return load_task(name)
    record = files.path / PROVENANCE
    if not record.is_file():
        raise AlumbenchError(f"{files.path}: no {PROVENANCE}, so its task is unknown; name it with --task")
    return Task.from_dict(read_json(record)["task"], where=str(record))


def label_order(files: ModelFiles, task: Task, mapping: Sequence[str] = ()) -> list[int]:
    """For each label of the task, the model output that stands for it, matched by name.

    Args:
        files: the checkpoint.
        task: the task with its label names.
        mapping: names for the model's outputs in order (`--labels`), where the checkpoint has none or others.

    Returns:
        `order` with `logits[:, order]` in the task's label order.

    Raises:
        AlumbenchError: Names are missing, are only `LABEL_0`-like numbers, or differ from the task's.
    """
    if task.is_regression:
        return [0]
    config = json.loads((files.path / "config.json").read_text(encoding="utf-8"))
    stored = {int(index): str(name) for index, name in (config.get("id2label") or {}).items()}
    names = list(mapping) or [stored[index] for index in sorted(stored)]
    example = ",".join(task.labels)
    if mapping and stored and len(mapping) != len(stored):
        raise AlumbenchError(
            f"{files.path}: --labels names {len(mapping)} outputs, the checkpoint has {len(stored)}; "
            f"name all in its output order, for example --labels {example}"
        )
    if not names or all(_plain(name).removeprefix("label").strip().isdigit() for name in names):
        raise AlumbenchError(
            f"{files.path}: its labels have no names ({', '.join(names) or 'none'}), and a guessed order would "
            f"be wrong without a sign; name its outputs in order, for example --labels {example}"
        )
    at = {_plain(name): index for index, name in enumerate(names)}
    missing = [label for label in task.labels if _plain(label) not in at]
    if missing or len(names) != len(task.labels):
        raise AlumbenchError(
            f"{files.path}: its labels are {', '.join(names)}, the task '{task.name}' has {example}; "
            f"map them with --labels (the task's names in the checkpoint's output order)"
        )
    return [at[_plain(label)] for label in task.labels]


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()
