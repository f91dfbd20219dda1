"""Draws docs/directions.svg: what the model's answer does around one sentence, and where each direction steps to.

    python docs/picture.py CHECKPOINT "a sentence" ...

Needs matplotlib, which alumbench itself does not.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import torch
from torch import Tensor

from alumbench.adversary import Ascent, Ball, Perturbation, divergence
from alumbench.attacks.victim import Victim
from alumbench.models.checkpoint import checkpoint_task, find_model, special_token_ids

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

EPSILON, GRID, WIDTH = 0.05, 31, 1.6
COLOURS = {"noise": "#777777", "vat": "#1f77b4", "fisher": "#d62728", "label": "#2ca02c"}


def main(checkpoints: list[str], sentence: str, label: str) -> None:
    """One panel a checkpoint."""
    pyplot.rcParams["svg.hashsalt"] = "alumbench"
    figure, panels = pyplot.subplots(1, len(checkpoints), figsize=(4.8 * len(checkpoints), 5), squeeze=False)
    for panel, name in zip(panels[0], checkpoints, strict=True):
        files = find_model(name)
        victim = Victim(files, checkpoint_task(files), device="cpu")
        batch = dict(victim.encode([(sentence,)]))
        batch["labels"] = torch.tensor([victim.task.labels.index(label)])
        special = torch.tensor(special_token_ids(victim.tokenizer))
        space = Perturbation(victim.model, batch, special, seed=4, step=0, examples=[0])
        found = {direction: _find(space, direction) for direction in COLOURS}
        # The plane of the picture: along Fisher's δ, and along the noise's part at right angles to it.
        first = found["fisher"].flatten()
        second = found["noise"].flatten() - first * (found["noise"].flatten() @ first) / (first @ first)
        second = second * first.norm() / second.norm()
        clean = space.forward().answers
        axis = torch.linspace(-WIDTH, WIDTH, GRID)
        with torch.no_grad():
            height = [
                [
                    float(divergence(clean, space.forward((a * first + b * second).view_as(space.embeddings)).answers))
                    for a in axis
                ]
                for b in axis
            ]
        levels = torch.linspace(-5, 1.5, 14)
        drawn = panel.contourf(axis, axis, torch.tensor(height).clamp(1e-5, 30).log10(), levels=levels, cmap="Greys")
        figure.colorbar(drawn, ax=panel, label="log₁₀ of the symmetric KL to f(x)", shrink=0.8)
        panel.add_patch(pyplot.Circle((0, 0), 1, fill=False, linestyle="--", linewidth=1, color="black"))
        for direction, colour in COLOURS.items():
            delta = found[direction].flatten()
            x, y = (float(delta @ e / (first @ first)) for e in (first, second))
            with torch.no_grad():
                reached = float(divergence(clean, space.forward(found[direction]).answers))
            # Fisher and the label often lie on one line: the later one is thinner, so that both are seen.
            width = 1.2 if direction == "label" else 3
            panel.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "color": colour, "linewidth": width})
            panel.plot([], [], color=colour, label=f"{direction}: KL {reached:.2g}")
        panel.set(title=Path(name).name, xlabel="along the Fisher direction, in ε", aspect="equal")
        panel.set_ylabel("along the noise, in ε")
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=9, frameon=False)
    figure.tight_layout()
    figure.savefig(Path(__file__).with_name("directions.svg"), metadata={"Date": None})


def _find(space: Perturbation, direction: str) -> Tensor:
    ascent = Ascent(direction)
    zero = space.zero() if ascent.needs_clean_gradient() else None
    clean = space.forward_backward(zero, keep_graph=True) if zero is not None else space.forward(labels=True)
    target = clean.answers.detach()

    def objective(delta: Tensor) -> Tensor:
        return divergence(target, space.forward(delta).answers)

    ball, radius = Ball("l2-sentence", space.perturbable), EPSILON * space.rms
    return ascent.find(space, ball, radius, space.rms, clean, zero, objective).delta.detach()


if __name__ == "__main__":
    main(sys.argv[1:-2], sys.argv[-2], sys.argv[-1])
