"""Model folders from disk, mirror or hub, checked before a library reads them: safetensors only, no remote code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alumbench.data import Task, load_task, mirror
from alumbench.data.kept import in_folder
from alumbench.errors import AlumbenchError, unknown
from alumbench.models.checkpoint.folder import (
    ADAPTER,
    CONFIG,
    TOKENIZER,
    TOKENIZER_CONFIG,
    base_of,
    check_folder,
    kind_of,
    read_object,
)
from alumbench.storage import sha256_of

PROVENANCE = "training.json"


@dataclass(frozen=True)
class ModelFiles:
    """A model folder that was checked before a library reads any of its files.

    Attributes:
        path: the folder.
        revision: the hub commit it came from, '' for a local folder.
        base: for a PEFT adapter, the model that it was trained on; None for a full model.
    """

    path: Path
    revision: str = ""
    base: ModelFiles | None = None

    @property
    def config(self) -> Path:
        """The configuration that describes the outputs; for an adapter without one, its base's."""
        own = self.path / CONFIG
        return self.base.config if self.base is not None and not own.is_file() else own

    @property
    def tokenizer(self) -> Path:
        """The folder with the tokenizer; for an adapter without one, its base's."""
        own = any((self.path / name).is_file() for name in (TOKENIZER, TOKENIZER_CONFIG))
        return self.base.tokenizer if self.base is not None and not own else self.path

    @property
    def weights(self) -> list[Path]:
        """Its safetensors files, sorted."""
        return sorted(self.path.glob("*.safetensors"))

    def weights_sha256(self) -> str:
        """A hash that identifies these weights in records (of the file, or of the sorted list of its shards' hashes).

        An adapter's hash covers its base.
        """
        hashes = [sha256_of(path) for path in self.weights]
        if self.base is not None:
            hashes.append(self.base.weights_sha256())
        if len(hashes) == 1:
            return hashes[0]
        import hashlib

        return hashlib.sha256("".join(hashes).encode()).hexdigest()


def find_model(name: str, adapters: bool = False) -> ModelFiles:
    """The folder of a model given by path, hub id or `ID@REVISION` (looked up in the mirror if one is set).

    Args:
        name: path or id.
        adapters: whether it may be a PEFT adapter, whose base model is looked up likewise.

    Raises:
        AlumbenchError: It is not found, has no safetensors, or needs remote code.
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
    base = None
    if adapters and (path / ADAPTER).exists():
        base = find_model(base_of(path))
    check_folder(path, adapter=base is not None)
    files = ModelFiles(path, revision, base)
    if not files.weights:
        found = ", ".join(sorted(p.name for p in path.iterdir() if p.suffix in {".bin", ".pt", ".pth", ".pkl"}))
        raise AlumbenchError(
            f"{path}: no .safetensors file"
            + (f"; {found} is a pickle, which can run code when it is loaded, so it is refused" if found else "")
            + ". If you trust it, convert it: model.save_pretrained(folder, safe_serialization=True)"
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
            f"model '{name}': no such folder, and the hub request failed "
            f"({type(error).__name__}: {str(error).splitlines()[0][:160]}). "
            f"Give a folder, go online, or set ALUMBENCH_MIRROR to a folder with models/{name}"
        ) from error
    return Path(folder), Path(folder).name


def checkpoint_task(files: ModelFiles, name: str = "") -> Task:
    """The task a checkpoint was trained on: the one in its record, or the task called `name`.

    Raises:
        AlumbenchError: It has no `training.json` and no name was given.
    """
    if name:
        return load_task(name)
    record = files.path / PROVENANCE
    if not record.is_file():
        raise AlumbenchError(f"{files.path}: no {PROVENANCE}, so its task is unknown; name it with --task")
    values = read_object(record).get("task")
    if not isinstance(values, dict):
        raise AlumbenchError(f"{record}: 'task' must be an object, not {kind_of(values)}; name the task with --task")
    return in_folder(Task.from_dict(values, where=str(record)), files.path)
