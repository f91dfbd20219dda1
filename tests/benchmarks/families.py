"""The checks of the 25 model families under two releases of transformers, the installed one and a 5.x, and inductor.

The other release goes to `build/transformers5`, once, in front of the environment's own: torch is not installed again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

REPOSITORY = Path(__file__).parent.parent.parent
OTHER = "5.23.0"
FOLDER = REPOSITORY / "build" / "transformers5"
TESTS = ("tests/adversary/test_families.py", "tests/adversary/test_hook.py")


def run() -> dict[str, Any]:
    """What passed, was skipped and failed, by release."""
    if not (FOLDER / f"transformers-{OTHER}.dist-info").is_dir():
        pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--upgrade")
        # What it says of conflicts is about the installed packages, which do not see this folder.
        subprocess.run([*pip, "--target", str(FOLDER), f"transformers=={OTHER}"], check=True)
    return dict(_checked(front) for front in ("", str(FOLDER)))


def _checked(front: str) -> tuple[str, dict[str, Any]]:
    """The release found with this folder in front of the path, and how its tests went."""
    environment = {**os.environ, "PYTHONPATH": front, "INDUCTOR": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    say = "import torch, transformers; print('transformers', transformers.__version__, 'torch', torch.__version__)"
    name = subprocess.run([sys.executable, "-c", say], env=environment, check=True, capture_output=True, text=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # Without the shared fixtures, which train models and need the libraries of the installed release.
        pytest = (sys.executable, "-m", "pytest", "--noconftest", "-p", "no:cacheprovider", f"--junitxml={report}")
        subprocess.run([*pytest, *TESTS], env=environment, cwd=REPOSITORY, stdout=sys.stderr)
        cases = list(ElementTree.parse(report).iter("testcase"))  # written by our own pytest
    failed = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case.get("name") for case in cases if case.find("skipped") is not None]
    passed = len(cases) - len(failed) - len(skipped)
    return name.stdout.strip(), {"passed": passed, "skipped": skipped, "failed": failed}
