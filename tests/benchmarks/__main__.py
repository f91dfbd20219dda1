"""Runs all benchmarks, or those named: `python -m tests.benchmarks [attack_speed] [trainer] [step_cost] [bf16]`.

These run only by their names: `coverage`, how often the intervals hold the truth, an hour; `scale`, what size costs,
ten minutes; `scoring`, the useful share of tokens, and `bf16-confirmed` against fp32; `gpu`, four minutes on a GPU.

Each prints its ratios with medians, n and the device, as JSON. Nothing is asserted: a loaded machine is no failure.
"""

from __future__ import annotations

import importlib
import json
import sys

NAMES = ("attack_speed", "trainer", "step_cost", "bf16")

if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        result = importlib.import_module(f"tests.benchmarks.{name}").run()
        print(json.dumps({"benchmark": name, **result}, indent=2))
