"""Four minutes on a GPU: queries a second, useful share and equal records, against TextAttack with dynamic padding.

Run as `python -m tests.benchmarks.gpu [FILE.json]`. It needs no mirror: BERT-base and MiniLM have their shapes and
random weights, the texts are the package's own, and the right label of a text is the model's answer, so that there is
something to attack. The attack is deepwordbug-all-words. `graphs` replays a CUDA graph for each shape; fixed shapes
make them few. Dynamic padding is TextAttack's own `Attacker` and wrapper with each call padded to its longest text, one
example at a time; it runs on the first `STOCK` examples. Without a GPU it is rehearsed on a tiny model, without graphs.

Environment: `SIZES` (bert-base,minilm), `EXAMPLES`, `STOCK`, `BUDGET` queries an example, `SECONDS` after which nothing
more is begun (210), `DEVICE`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from alumbench.attacks import load_recipe
from alumbench.attacks.outcome import Outcome
from alumbench.attacks.search import Searcher
from alumbench.attacks.textattack.loader import load_textattack
from alumbench.attacks.victim import Victim
from alumbench.data import Example, load_task
from alumbench.data.dataset import load_examples_from
from alumbench.devices import choose_device, device_name, keep_freed_memory
from alumbench.engine.precision import CONFIRMED
from alumbench.engine.scorer import Scorer
from alumbench.models.checkpoint import find_model
from alumbench.training.tiny_bert import make_tiny_bert
from tests.benchmarks import attack_speed
from tests.benchmarks.step_cost import SIZES

RECIPE = "deepwordbug-all-words"
DEVICE = choose_device(os.environ.get("DEVICE", "auto"))
REHEARSAL = DEVICE.type == "cpu"
NAMES = os.environ.get("SIZES", "tiny" if REHEARSAL else "bert-base,minilm").split(",")
EXAMPLES = int(os.environ.get("EXAMPLES", "8" if REHEARSAL else "128"))
STOCK = int(os.environ.get("STOCK", "2" if REHEARSAL else "8"))
BUDGET, LIMIT = int(os.environ.get("BUDGET", "100")), float(os.environ.get("SECONDS", "210"))


def run() -> dict[str, Any]:
    """Measures each size."""
    load_textattack()
    attack_speed.BUDGET = BUDGET
    begun = time.perf_counter()
    found: dict[str, Any] = {"recipe": RECIPE, "query_budget": BUDGET, "torch": torch.__version__}
    if REHEARSAL:
        found["rehearsal"] = "no GPU here: a rehearsal on the CPU, whose figures say nothing about a GPU"
        print(found["rehearsal"], file=sys.stderr)
    for name in NAMES:
        with TemporaryDirectory() as folder:
            found[name] = _size(_victim(name, Path(folder)), begun)
    return found | {"seconds": round(time.perf_counter() - begun, 1)}


def _victim(name: str, folder: Path) -> Victim:
    """A classifier of that shape with random weights, and a tokenizer of the package's texts."""
    task = load_task("mini-sentiment")
    make_tiny_bert(folder, [text for (text,) in (example.texts for example in _texts())])
    torch.manual_seed(0)
    config = BertConfig(**SIZES[name], vocab_size=len(AutoTokenizer.from_pretrained(folder)), num_labels=2)
    config.id2label = dict(enumerate(task.labels))
    config.label2id = {label: at for at, label in enumerate(task.labels)}
    config.initializer_range = 0.1  # so that a changed word changes the answer
    BertForSequenceClassification(config).save_pretrained(folder)
    victim = Victim(find_model(str(folder)), task, DEVICE.type)
    if victim.device.type == "cpu":
        keep_freed_memory()
    return victim


def _texts() -> list[Example]:
    task = load_task("mini-sentiment")
    return load_examples_from((*task.dev, *task.train[:1]), task.columns, task.labels)[0]


def _size(victim: Victim, begun: float) -> dict[str, Any]:
    texts = list({example.texts: example for example in _texts()}.values())[:EXAMPLES]
    labels = victim.scores([example.texts for example in texts]).argmax(-1).tolist()
    examples = [
        dataclasses.replace(example, label=victim.task.labels[label])
        for example, label in zip(texts, labels, strict=True)
    ]
    cuda = victim.device.type == "cuda"
    ways = [(precision, False) for precision in ("fp32", *(["tf32"] if cuda else []), CONFIRMED)]
    ways += [(precision, True) for precision, _ in ways] if cuda else []
    found: dict[str, Any] = {"device": device_name(victim.device), "n": len(examples), "left_out": []}
    exact: dict[str, Outcome] = {}
    for precision, graphs in ways:
        name = f"{precision}, graphs" if graphs else precision
        if time.perf_counter() - begun > LIMIT:
            found["left_out"].append(name)
            continue
        try:
            with _graphs(victim, graphs):
                found[name], outcomes = _ours(victim, examples, precision)
        except Exception as error:  # one way fails, the others are still measured
            found[name] = f"{type(error).__name__}: {error}"[:300]
            continue
        exact = exact or outcomes
        found[name]["same_as_fp32"] = sum(_key(outcomes[i]) == _key(one) for i, one in exact.items())
    found["dynamic padding"] = _stock(victim, examples[:STOCK], exact)
    for precision in ("fp32", CONFIRMED):
        if isinstance(found.get(precision), dict):
            ratio = found[precision]["queries_a_second"] / found["dynamic padding"]["queries_a_second"]
            found[f"{precision} over dynamic padding"] = round(ratio, 2)
    if time.perf_counter() - begun > LIMIT:
        found["left_out"].append("in flight")
    else:
        part = examples[: max(8, EXAMPLES // 4)]
        found["equal records"] = {how: _in_flight(victim, part, how) for how in ("fp32", CONFIRMED)}
    return found


def _ours(victim: Victim, examples: Sequence[Example], precision: str) -> tuple[dict[str, Any], dict[str, Outcome]]:
    victim.scorer = Scorer(precision=precision)
    searcher = Searcher(load_recipe(RECIPE), victim, attack_speed.SEED, BUDGET)
    list(searcher.run_all(examples, 64))  # warms up: kernels, graphs
    before, start = dataclasses.replace(victim.scorer.traffic), time.perf_counter()
    outcomes = {example.id: outcome for example, outcome in searcher.run_all(examples, 64)}
    seconds, traffic = time.perf_counter() - start, victim.scorer.traffic
    queries = sum(outcome.queries for outcome in outcomes.values())
    return {
        "queries": queries,
        "queries_a_second": round(queries / seconds, 1),
        "useful_share": round((traffic.tokens - before.tokens) / (traffic.all_tokens - before.all_tokens), 3),
        "forward_share": round((traffic.seconds - before.seconds) / seconds, 3),
    }, outcomes


def _stock(victim: Victim, examples: Sequence[Example], exact: dict[str, Outcome]) -> dict[str, Any]:
    stock = attack_speed._Stock(RECIPE, victim, "longest")
    list(stock.run(examples[:1]))  # warms up
    start = time.perf_counter()
    found = {example.id: one for example, one in stock.run(examples)}
    seconds, queries = time.perf_counter() - start, sum(one[2] for one in found.values())
    same = [i for i, (kind, _, asked) in found.items() if i in exact and (kind, asked) == _as_stock(exact[i])]
    return {
        "n": len(found),
        "queries": queries,
        "queries_a_second": round(queries / seconds, 1),
        "same_outcome_and_queries": len(same),
    }


def _as_stock(outcome: Outcome) -> tuple[str, int]:
    kinds = {"robust": "Failed", "broken": "Successful", "already_wrong": "Skipped"}
    return kinds.get(outcome.outcome, outcome.outcome), outcome.queries


def _in_flight(victim: Victim, examples: Sequence[Example], precision: str) -> dict[str, int]:
    """Records that equal those with one example in flight, scores to the last bit."""
    found = {}
    for width in (1, 7, 64):
        victim.scorer = Scorer(precision=precision)
        searcher = Searcher(load_recipe(RECIPE), victim, attack_speed.SEED, BUDGET)
        found[width] = {example.id: _key(outcome) for example, outcome in searcher.run_all(examples, width)}
    return {str(width): sum(one == found[1][i] for i, one in every.items()) for width, every in found.items()}


def _key(outcome: Outcome) -> tuple[Any, ...]:
    return outcome.outcome, outcome.adversarial, outcome.queries, outcome.scores, outcome.adversarial_scores


class Graphed(nn.Module):
    """A model whose forward pass is recorded once per shape and precision, and then replayed.

    The mask is given per head, so that transformers does not ask whether it is all ones, which would wait for the GPU.
    """

    def __init__(self, model: nn.Module) -> None:
        """Stores the model; nothing is recorded yet."""
        super().__init__()
        self.model, self.config = model, model.config
        self._graphs: dict[Any, tuple[Any, dict[str, Tensor], Tensor]] = {}

    def forward(self, **batch: Tensor) -> Any:
        """Logits, as the model gives them."""
        batch |= {"attention_mask": batch["attention_mask"][:, None]}
        if not batch["input_ids"].is_cuda:
            return self.model(**batch)
        key = (
            *sorted((name, tuple(values.shape)) for name, values in batch.items()),
            torch.is_autocast_enabled("cuda"),
            torch.backends.cuda.matmul.allow_tf32,
        )
        if key not in self._graphs:
            self._graphs[key] = self._record(batch)
        graph, given, logits = self._graphs[key]
        for name, values in batch.items():
            given[name].copy_(values)
        graph.replay()
        return SimpleNamespace(logits=logits.clone())

    def _record(self, batch: dict[str, Tensor]) -> tuple[Any, dict[str, Tensor], Tensor]:
        given = {name: values.clone() for name, values in batch.items()}
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.model(**given)
        torch.cuda.current_stream().wait_stream(side)
        torch.clear_autocast_cache()  # weights in bf16 belong to the graph
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits = self.model(**given).logits
        torch.clear_autocast_cache()
        return graph, given, logits


@contextmanager
def _graphs(victim: Victim, enabled: bool) -> Iterator[None]:
    plain = victim.model
    victim.model = Graphed(plain) if enabled else plain
    try:
        yield
    finally:
        victim.model = plain


if __name__ == "__main__":
    result = json.dumps(run(), indent=2)
    for path in sys.argv[1:]:
        Path(path).write_text(result + "\n")
    print(result)
