"""Many examples in flight against TextAttack's own `Attacker`, in one run, outcomes compared example by example.

Four ways to run the same attack on the same examples, each example's generators seeded alike:

* `stock`: TextAttack as shipped: its wrapper, which pads each call to 512 tokens, one example at a time;
* `stock-dynamic`: the same, padded to the longest text of a call;
* `fast`: ours, plain padding;
* `fixed`: ours as it is by default, scores that depend on the text alone.

Rounds of examples alternate over the last three; a ratio is the median of the rounds'. As shipped it takes minutes for
what the others do in seconds, so it runs on the first few examples of each round, and is compared with `stock-dynamic`
on those. Python's share is the time that is no forward pass of the victim or the sentence encoder.

Environment: `RECIPES`, `ROUNDS`, `EXAMPLES` a round, `SHIPPED` examples a round as shipped, `IN_FLIGHT`, `BUDGET`,
`DEVICE`, `CHECKPOINT`.
"""

from __future__ import annotations

import copy
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.search import Searcher
from alumbench.attacks.textattack.loader import load_textattack
from alumbench.attacks.victim import Victim
from alumbench.bfloat16 import has_bf16_arithmetic
from alumbench.data import Example
from alumbench.data.dataset import load_examples_from
from alumbench.devices import device_name, keep_freed_memory
from alumbench.engine.rng_state import seed_of
from alumbench.engine.scorer import Scorer
from alumbench.models.checkpoint import checkpoint_task, find_model
from tests.benchmarks.model import checkpoint

RECIPES = os.environ.get("RECIPES", "deepwordbug,pwws,textfooler-jia-minilm").split(",")
ROUNDS, EXAMPLES = int(os.environ.get("ROUNDS", "3")), int(os.environ.get("EXAMPLES", "64"))
SHIPPED, BUDGET = int(os.environ.get("SHIPPED", "4")), int(os.environ.get("BUDGET", "0")) or None
IN_FLIGHT, SEED = int(os.environ.get("IN_FLIGHT", "64")), 1

#: Result, text, queries.
Found = tuple[str, str, int]


def run() -> dict[str, Any]:
    """Measures each recipe that is ready here."""
    load_textattack()
    return measure(_recipe)


def measure(of_recipe: Callable[[str, Victim, Sequence[Example]], dict[str, Any]]) -> dict[str, Any]:
    """A measurement of each recipe that is ready here, by name, after what it was made on."""
    files = find_model(str(checkpoint()))
    task = checkpoint_task(files)
    victim = Victim(files, task, os.environ.get("DEVICE", "auto"))
    if victim.device.type == "cpu":
        keep_freed_memory()  # for all of them
    examples = load_examples_from(task.dev, task.columns, task.labels)[0]
    ready = [name for name in RECIPES if not load_recipe(name).missing()]
    return {
        "device": device_name(victim.device),
        "bf16_arithmetic": has_bf16_arithmetic(victim.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "in_flight": IN_FLIGHT,
        "query_budget": BUDGET,
        "not_ready": sorted(set(RECIPES) - set(ready)),
        **{name: of_recipe(name, victim, examples) for name in ready},
    }


def _recipe(name: str, victim: Victim, examples: Sequence[Example]) -> dict[str, Any]:
    ways: dict[str, Callable[[Sequence[Example]], Iterator[tuple[Example, Found]]]] = {
        "stock-dynamic": _Stock(name, victim, "longest").run,
        "fast": _Ours(name, victim, "fast").run,
        "fixed": _Ours(name, victim, "fixed").run,
    }
    shipped = _Stock(name, victim, "max_length")
    for way in (*ways.values(), shipped.run):
        list(way(examples[-2:]))  # warms up
    rounds: dict[str, list[_Time]] = {way: [] for way in [*ways, "stock", "stock-dynamic on those"]}
    found: dict[str, dict[str, Found]] = {way: {} for way in [*ways, "stock"]}
    for number in range(ROUNDS):
        part = examples[number * EXAMPLES : (number + 1) * EXAMPLES]
        order = list(ways)[number % 3 :] + list(ways)[: number % 3]
        for way in order:
            with _timed(victim) as spent:
                found[way] |= {example.id: one for example, one in ways[way](part)}
            rounds[way].append(spent)
        for way, run_ in (("stock", shipped.run), ("stock-dynamic on those", ways["stock-dynamic"])):
            with _timed(victim) as spent:
                results = {example.id: one for example, one in run_(part[:SHIPPED])}
            rounds[way].append(spent)
            found["stock"] |= results if way == "stock" else {}
    queries = sum(one[2] for one in found["fixed"].values())

    def ratio(above: str, below: str, what: str = "whole") -> float:
        pairs = zip(rounds[above], rounds[below], strict=True)
        return round(statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs), 2)

    shipped_over_dynamic = ratio("stock", "stock-dynamic on those")
    return {
        "n": len(found["fixed"]),
        "n_as_shipped": len(found["stock"]),
        "queries": queries,
        "seconds": {way: round(sum(t.whole for t in times), 2) for way, times in rounds.items()},
        "python_ms_a_query": {way: round(1000 * sum(t.python for t in rounds[way]) / queries, 3) for way in ways},
        "stock_over_stock_dynamic": shipped_over_dynamic,
        "stock_dynamic_over_fixed": ratio("stock-dynamic", "fixed"),
        "stock_dynamic_over_fast": ratio("stock-dynamic", "fast"),
        "stock_over_fixed": round(shipped_over_dynamic * ratio("stock-dynamic", "fixed"), 1),
        "fixed_over_fast": ratio("fixed", "fast"),
        "python_stock_dynamic_over_fixed": ratio("stock-dynamic", "fixed", "python"),
        "identical_to_fixed": {
            way: f"{sum(one == found['fixed'][i] for i, one in every.items())} of {len(every)}"
            for way, every in found.items()
        },
    }


class _Time:
    whole = model = 0.0

    @property
    def python(self) -> float:
        return self.whole - self.model


@contextmanager
def _timed(victim: Victim) -> Iterator[_Time]:
    """Measures a block, and the forward passes of all models in it."""
    spent, begun = _Time(), []

    def before(module: Any, *_: Any) -> None:
        begun.append((module, time.perf_counter()))

    def after(module: Any, *_: Any) -> None:
        if victim.device.type == "cuda":
            torch.cuda.synchronize()
        outer, start = begun.pop()
        assert outer is module
        spent.model += time.perf_counter() - start

    models = [victim.model]
    if not load_recipe("textfooler-jia-minilm").missing():
        from alumbench.attacks.resources import MINILM
        from alumbench.models.auxiliary import sentence_encoder

        models.append(sentence_encoder(MINILM, str(victim.model.device)).model)
    handles = [m.register_forward_pre_hook(before) for m in models] + [m.register_forward_hook(after) for m in models]
    start = time.perf_counter()
    try:
        yield spent
    finally:
        spent.whole = time.perf_counter() - start
        for handle in handles:
            handle.remove()


class _Ours:
    def __init__(self, name: str, victim: Victim, scoring: str) -> None:
        self._victim, self._scorer = victim, Scorer(scoring)
        self._searcher = Searcher(load_recipe(name), victim, SEED, BUDGET)

    def run(self, examples: Sequence[Example]) -> Iterator[tuple[Example, Found]]:
        self._victim.scorer = self._scorer
        for example, outcome in self._searcher.run_all(examples, IN_FLIGHT):
            kind = {"robust": "Failed", "broken": "Successful", "already_wrong": "Skipped"}.get(
                outcome.outcome, f"{outcome.outcome}: {outcome.message}"
            )
            text = "\n".join((outcome.adversarial or {}).values())
            yield example, (kind, text, outcome.queries)


class _Stock:
    """TextAttack's `Attacker` and wrapper; its sentence encoder where the recipe has one is asked as it asks."""

    def __init__(self, name: str, victim: Victim, padding: str) -> None:
        textattack, recipe, task = load_textattack(), load_recipe(name), victim.task
        tokenizer = copy.deepcopy(victim.tokenizer)
        tokenizer.model_max_length = 512 if padding == "max_length" else tokenizer.model_max_length
        wrapper = _wrapper(textattack, victim.model, tokenizer, padding)
        wrapper.cut = False  # asked by `SeenWords`: the model reads all of these texts
        self._attack = recipe.make(wrapper, task.columns, task.protected, BUDGET)
        for at, constraint in enumerate(self._attack.constraints):
            if type(constraint).__name__ == "MiniLm":
                self._attack.constraints[at] = _as_textattack_asks(constraint, victim)
        self._task, self._signature, self._textattack = task, recipe.signature, textattack

    def run(self, examples: Sequence[Example]) -> Iterator[tuple[Example, Found]]:
        for example in examples:
            texts = example.texts if len(example.texts) > 1 else example.texts[0]
            seed = seed_of(f"{SEED}|{self._signature}|{example.id}")
            arguments = self._textattack.AttackArgs(num_examples=1, disable_stdout=True, silent=True, random_seed=seed)
            gold = self._task.labels.index(str(example.label))
            data = self._textattack.datasets.Dataset([(texts, gold)], input_columns=list(self._task.columns))
            self._attack.clear_cache()
            attacker = self._textattack.Attacker(self._attack, data, arguments)
            with tqdm_off():
                (result,) = attacker.attack_dataset()
            kind = type(result).__name__.removesuffix("AttackResult")
            text = result.perturbed_result.attacked_text.text if kind == "Successful" else ""
            yield example, (kind, text, self._attack.goal_function.num_queries)


@contextmanager
def tqdm_off() -> Iterator[None]:
    """No bar for each example: drawing it would count as TextAttack's time."""
    import tqdm

    original = tqdm.tqdm.__init__
    tqdm.tqdm.__init__ = lambda self, *args, **kwargs: original(self, *args, **kwargs | {"disable": True})
    try:
        yield
    finally:
        tqdm.tqdm.__init__ = original


def _wrapper(textattack: Any, model: Any, tokenizer: Any, padding: str) -> Any:
    if padding == "max_length":
        return textattack.models.wrappers.HuggingFaceModelWrapper(model, tokenizer)

    class Dynamic(textattack.models.wrappers.HuggingFaceModelWrapper):
        """Padded to the longest text of a call, and nothing else."""

        def __call__(self, texts: list[Any]) -> Any:
            columns = [list(c) for c in zip(*texts, strict=True)] if isinstance(texts[0], tuple) else [texts]
            batch = self.tokenizer(*columns, padding=True, truncation=True, return_tensors="pt").to(self.model.device)
            with torch.no_grad():
                return self.model(**batch).logits

    return Dynamic(model, tokenizer)


def _as_textattack_asks(constraint: Any, victim: Victim) -> Any:
    """The same constraint, asking MiniLM as TextAttack asks an encoder: every window of every candidate, at once."""
    from textattack.constraints.semantics.sentence_encoders import SentenceEncoder

    encoder = constraint.encoder

    class Stock(SentenceEncoder):
        def encode(self, sentences: list[str]) -> torch.Tensor:
            batch = encoder.tokenizer(sentences, padding=True, truncation=True, return_tensors="pt").to(victim.device)
            with torch.no_grad():
                states = encoder.model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None]
            return (states * mask).sum(1) / mask.sum(1)

    window = constraint.window_size if constraint.window_size < float("inf") else None
    stock = Stock(
        threshold=constraint.threshold,
        metric=constraint.metric,
        compare_against_original=constraint.compare_against_original,
        window_size=window,
        skip_text_shorter_than_window=constraint.skip_text_shorter_than_window,
    )
    stock.model = stock
    return stock
