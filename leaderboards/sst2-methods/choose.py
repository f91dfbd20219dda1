"""Chooses each method's settings from the runs of sweep.sh, by a rule fixed beforehand, and writes sweep.json.

The rule: the largest mean of held-out accuracy and held-out accuracy under embedding-PGD at radius .05, both on
held-out training sentences, since the table shows generalization beside robustness; between equals the first.
"""

# It measures with embedding-pgd@1, which version 2 has replaced: run it at commit e5d1119, not with the code beside it.

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from alumbench.attacks.embedding_pgd import EmbeddingPgd
from alumbench.attacks.victim import Victim
from alumbench.data import load_task
from alumbench.models.checkpoint import find_model
from alumbench.training.fine_tuning import load_data
from alumbench.training.request import FineTuning

EXAMPLES = 200


def main(runs: Path, out: Path) -> None:
    """Measures every run, and writes and prints what is chosen."""
    task = load_task("sst2")
    _, held_out, _ = load_data(FineTuning(task, "", train_size=1500, held_out=1000), say=lambda line: None)
    examples = held_out[:EXAMPLES]
    labels = torch.tensor([task.labels.index(str(example.label)) for example in examples])
    found: dict[str, list[dict[str, object]]] = {}
    for folder in sorted(runs.iterdir()):
        record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        victim = Victim(find_model(str(folder)), task)
        perturbed = torch.empty(len(examples), len(task.labels))
        for batch in victim.batches_by_length([example.texts for example in examples]):
            scores = EmbeddingPgd(0.05).scores(victim, [examples[i].texts for i in batch], labels[batch].tolist())
            perturbed[batch] = scores
        clean = record["dev"][-1]["accuracy"]
        robust = float((perturbed.argmax(-1) == labels).float().mean())
        method = folder.name.split("-")
        name = "-".join(part for part in method if not part.replace(".", "").isdigit())
        run = {"run": folder.name, "method": record["method"], "clean": clean, "embedding_pgd": round(robust, 4)}
        found.setdefault(name, []).append(run | {"mean": round((clean + robust) / 2, 4)})
        print(folder.name, clean, round(robust, 4), flush=True)
    chosen = {name: max(rows, key=lambda row: float(str(row["mean"])))["run"] for name, rows in found.items()}
    document = {"rule": " ".join((__doc__ or "").split("The rule: ")[1].split()), "n": [1000, EXAMPLES], "runs": found}
    out.write_text(json.dumps(document | {"chosen": chosen}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(chosen, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("sweep.json"))
