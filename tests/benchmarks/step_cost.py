"""What a training step of each method costs: over `standard`, and over the floor that its own passes set.

One step is forward passes F, backwards to the activations alone Bx, and full backwards B; the floor of a method is the
sum of those it cannot do without, each measured in the same round. The optimizer's own step is left out, since it is
the same for all. Rounds alternate over everything; a ratio is the median of the rounds' ratios.

Environment: `SIZE` minilm or bert-base, `BATCH`, `TOKENS`, `ROUNDS`, `DEVICE`, `PRECISION` fp32 or bf16, `COMPILE` 1,
`STAGES` fine-tuning,masked-lm, `METHODS` names of `CASES`.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

from alumbench.adversary import WordEmbeddings
from alumbench.bfloat16 import bf16_products
from alumbench.devices import choose_device, device_name, keep_freed_memory
from alumbench.methods import Method, StepContext, make_method
from alumbench.pretraining.masking import predict_at_positions

SIZES = {
    "tiny": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128},
    "minilm": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "bert-base": {},
}
#: Method, parameters, and the passes it cannot do without: forwards, backwards to δ, full backwards.
CASES: dict[str, tuple[str, dict[str, Any], tuple[int, int, int]]] = {
    "standard": ("standard", {}, (1, 0, 1)),
    "alum fisher": ("alum", {}, (2, 1, 2)),
    "alum vat": ("alum", {"direction": "vat"}, (3, 1, 2)),
    "alum label": ("alum", {"direction": "label"}, (2, 0, 2)),
    "alum fisher K=2": ("alum", {"steps": 2}, (3, 2, 2)),
    "alum-paper": ("alum-paper", {}, (3, 1, 2)),
    "alum-ref": ("alum-ref", {}, (3, 1, 2)),
    "noise": ("noise", {}, (2, 0, 2)),
    "rdrop": ("rdrop", {}, (2, 0, 2)),
    "fgm": ("fgm", {}, (2, 0, 2)),
    "pgd K=3": ("pgd", {}, (4, 2, 2)),
    "freelb K=2": ("freelb", {}, (2, 0, 2)),
    "freelb++ K=10": ("freelb++", {}, (10, 0, 10)),
    "label-smoothing": ("label-smoothing", {}, (1, 0, 1)),
    "smart": ("smart", {}, (4, 1, 2)),
    "r3f": ("r3f", {}, (2, 0, 2)),
    "sift": ("sift", {}, (3, 1, 2)),
    "creat": ("creat", {}, (3, 1, 2)),
    "tavat": ("tavat", {}, (2, 0, 2)),
    "infobert": ("infobert", {}, (3, 3, 3)),
}


def run() -> dict[str, Any]:
    """Measures each stage that `STAGES` names."""
    device = choose_device(os.environ.get("DEVICE", "auto"))
    if device.type == "cpu":
        keep_freed_memory()  # as training does
    stages = os.environ.get("STAGES", "fine-tuning,masked-lm").split(",")
    bf16, compiled = os.environ.get("PRECISION", "fp32") == "bf16", os.environ.get("COMPILE") == "1"
    with bf16_products(device, enabled=bf16 and not compiled):  # as training does
        measured = {stage: _stage(stage, device, bf16, compiled) for stage in stages}
    return {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        **measured,
    }


def _stage(stage: str, device: torch.device, bf16: bool, compiled: bool) -> dict[str, Any]:
    size, batch_size = os.environ.get("SIZE", "minilm"), int(os.environ.get("BATCH", "32"))
    tokens, rounds = int(os.environ.get("TOKENS", "32")), int(os.environ.get("ROUNDS", "9"))
    torch.manual_seed(0)
    config = BertConfig(vocab_size=30522, **SIZES[size])
    config._attn_implementation = os.environ.get("ATTENTION", "sdpa")
    model: nn.Module = (BertForMaskedLM if stage == "masked-lm" else BertForSequenceClassification)(config)
    model.to(device).train()
    batch = _batch(stage, batch_size, tokens, device)
    if stage == "masked-lm":
        predict_at_positions(model)
    methods = {name: _method(name, model, stage) for name in _chosen(stage)}
    if compiled:
        model.compile()
    step = StepContext(0, 0, range(batch_size), torch.tensor([0, 101, 102], device=device), 1)
    words = WordEmbeddings(model)
    hidden = words(batch["input_ids"]).shape[-1]
    seconds: dict[str, list[float]] = {}
    memory: dict[str, float] = {}

    def autocast() -> Any:
        return torch.autocast(device.type, torch.bfloat16, enabled=bf16)

    def timed(name: str, work: Callable[[], Any]) -> Any:
        _wait(device)
        start = time.perf_counter()
        result = work()
        _wait(device)
        seconds.setdefault(name, []).append(time.perf_counter() - start)
        return result

    for number in range(rounds + 2):
        if number == 2:  # the first rounds warm up (and compile)
            seconds.clear()
        delta = torch.zeros(batch_size, tokens, hidden, device=device, requires_grad=True)

        def forward(delta: Tensor = delta) -> Tensor:
            with autocast(), words.added(delta):
                return model(**batch).loss

        loss = timed("F", forward)
        timed("Bx", lambda loss=loss, delta=delta: torch.autograd.grad(loss, delta, retain_graph=True))
        timed("B", loss.backward)
        del loss
        for name, method in methods.items():
            model.zero_grad(set_to_none=True)
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()

            def whole(method: Method = method) -> None:
                with autocast():
                    total = method.loss(model, batch, step).total
                total.backward()

            timed(name, whole)
            if device.type == "cuda":
                memory[name] = torch.cuda.max_memory_allocated() / 2**30
    table = {}
    for name in methods:
        passes = CASES[name][2]
        floors = [
            passes[0] * f + passes[1] * bx + passes[2] * b
            for f, bx, b in zip(seconds["F"], seconds["Bx"], seconds["B"], strict=True)
        ]
        table[name] = {
            "over_standard": _median_ratio(seconds[name], seconds["standard"]),
            "over_floor": _median_ratio(seconds[name], floors),
            "floor_over_standard": _median_ratio(floors, seconds["standard"]),
            "milliseconds": round(1000 * statistics.median(seconds[name]), 2),
            "tokens_per_second": round(batch_size * tokens / statistics.median(seconds[name])),
            **({"peak_gib": round(memory[name], 3)} if memory else {}),
        }
    if not compiled:
        peaks = {name: _graph_peak(model, method, batch, step) for name, method in methods.items()}
        for name, peak in peaks.items():
            table[name]["graphs_over_standard"] = round(peak / peaks["standard"], 2)
    f = statistics.median(seconds["F"])
    return {
        "size": size,
        "batch": batch_size,
        "tokens": tokens,
        "rounds": rounds,
        "precision": "bf16" if bf16 else "fp32",
        "compiled": compiled,
        "F_milliseconds": round(1000 * f, 2),
        "B_over_F": round(statistics.median(seconds["B"]) / f, 3),
        "Bx_over_F": round(statistics.median(seconds["Bx"]) / f, 3),
        "methods": table,
    }


class _Graphs:
    """Bytes that autograd holds for backwards, each storage once, and their peak; the model's weights left out."""

    def __init__(self, model: nn.Module) -> None:
        self._weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
        self._held: dict[int, tuple[int, int]] = {}
        self.now = self.peak = 0

    def measured(self) -> Any:
        return torch.autograd.graph.saved_tensors_hooks(lambda tensor: _Saved(self, tensor), lambda saved: saved.tensor)

    def take(self, at: int, size: int, change: int) -> None:
        count = self._held.get(at, (0, size))[0] + change
        if at in self._weights:
            return
        self.now += size * (change if count == max(change, 0) else 0)
        self.peak = max(self.peak, self.now)
        self._held[at] = (count, size)


class _Saved:
    def __init__(self, graphs: _Graphs, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        self.tensor, self._graphs, self._at, self._size = tensor, graphs, storage.data_ptr(), storage.nbytes()
        graphs.take(self._at, self._size, 1)

    def __del__(self) -> None:
        self._graphs.take(self._at, self._size, -1)


def _graph_peak(model: nn.Module, method: Method, batch: Mapping[str, Tensor], step: StepContext) -> int:
    graphs = _Graphs(model)
    with graphs.measured():
        total = method.loss(model, batch, step).total
        total.backward()
        del total
    return graphs.peak


def _chosen(stage: str) -> list[str]:
    names = os.environ["METHODS"].split(",") if "METHODS" in os.environ else list(CASES)
    return list(dict.fromkeys(["standard", *names]))


def _method(name: str, model: nn.Module, stage: str) -> Method:
    method, parameters, _ = CASES[name]
    made = make_method(method, {"alpha": 10} | parameters if stage == "masked-lm" and method == "alum" else parameters)
    made.prepare(model)
    return made


def _batch(stage: str, size: int, tokens: int, device: torch.device) -> Mapping[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1000, 30000, (size, tokens), generator=generator)
    ids[:, 0], ids[:, -1] = 101, 102
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if stage == "masked-lm":
        count = max(1, round(0.15 * (tokens - 2)))
        positions = torch.stack([1 + torch.randperm(tokens - 2, generator=generator)[:count] for _ in range(size)])
        batch |= {"positions": positions, "labels": ids.gather(1, positions)}
    else:
        batch["labels"] = torch.randint(0, 2, (size,), generator=generator)
    return {name: value.to(device) for name, value in batch.items()}


def _median_ratio(above: list[float], below: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 3)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
