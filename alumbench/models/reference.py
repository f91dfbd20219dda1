"""A classifier by name: `package.module:function` or `./file.py:function`, also found in the current folder."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from alumbench.errors import NAME, AlumbenchError, nearest, shown
from alumbench.models.callable import CallableClassifier, CallableOptions, place_of
from alumbench.models.classifier import Classifier

#: The name may be an attribute of an object: `module:pipeline.predict_proba`.
REFERENCE = re.compile(r"^(?P<module>[A-Za-z_][\w.]*|.+\.py):(?P<name>[A-Za-z_][\w.]*)$")


def load_callable(
    reference: str,
    labels: Sequence[str],
    options: CallableOptions | None = None,
    folder: Path | None = None,
    say: Callable[[str], None] = print,
) -> Classifier:
    """The classifier that `module:function` or `./file.py:function` names.

    Modules in the current folder are found too. The name may also refer to an object with `predict_proba` (a
    scikit-learn pipeline) or to your own `Classifier`.

    Args:
        reference: the name.
        labels: names of its outputs, in order.
        options: other settings of it.
        folder: the current folder; None for this process's.
        say: called with one line about how the scores are interpreted.

    Raises:
        AlumbenchError: It cannot be imported, or is not callable.
    """
    found = REFERENCE.match(reference)
    if found is None:
        raise AlumbenchError(f"{reference}: expected MODULE:FUNCTION or ./FILE.py:FUNCTION")
    folder = folder or Path.cwd()
    module = _module(found["module"], folder)
    target: Any = module
    for part in found["name"].split("."):
        if not hasattr(target, part):
            near = nearest(part, [name for name in dir(target) if not name.startswith("_")])
            hint = f"; did you mean '{near}'?" if near else ""
            raise AlumbenchError(f"{reference}: {found['module']} has no '{part}'{hint}")
        target = getattr(target, part)
    if isinstance(target, Classifier) and not inspect.isclass(target):
        return target
    if not callable(target) or inspect.isclass(target):
        target = None if inspect.isclass(target) else getattr(target, "predict_proba", None)
        if target is None:
            raise AlumbenchError(
                f"{reference}: is neither a function that takes a list of texts nor an object with predict_proba"
            )
    source = Path(module.__file__) if module.__file__ else None
    named = (found_again, reference, str(folder))
    return CallableClassifier(target, labels, options, name=reference, source=source, found_by=named, say=say)


def found_again(
    reference: str, folder: str, labels: Sequence[str], options: CallableOptions, scores: str
) -> Classifier:
    """Loads the same classifier in another process, without messages and with the scores interpreted the same way."""
    found = load_callable(reference, labels, options, Path(folder), lambda line: None)
    if isinstance(found, CallableClassifier):
        found.take_scores_for(scores)
    return found


def _module(name: str, folder: Path) -> ModuleType:
    """Imports a module by name or file; what it prints goes to standard error."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            if not name.endswith(".py"):
                _first_on_path(folder)
                return importlib.import_module(name)
            path = (folder / Path(name).expanduser()).resolve()
            if not path.is_file():
                raise AlumbenchError(f"{name}: no such file")
            _first_on_path(path.parent)
            title = f"alumbench_own_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
            if title in sys.modules:
                return sys.modules[title]
            spec = importlib.util.spec_from_file_location(title, path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[title] = module
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del sys.modules[title]
                raise
            return module
    except AlumbenchError:
        raise
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            where = "in the current folder and among the installed packages"
            raise AlumbenchError(f"{name}: no such module, {where}") from None
        raise AlumbenchError(f"{name}: its import failed: {error}; install what it needs") from error
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {shown(error, NAME)}"
        raise AlumbenchError(f"{name}: its import failed: {what}{place_of(error)}") from error


def _first_on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
