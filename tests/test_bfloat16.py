"""bf16 where the processor has no arithmetic for it: the products that it would have made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from alumbench.bfloat16 import PRODUCTS, bf16_products
from alumbench.engine.precision import computing_in
from alumbench.training import run as training_run
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.request import FineTuning
from tests.small_bert import small_bert

CPU = torch.device("cpu")


class Seen(TorchDispatchMode):
    """The dtypes of the factors that products really get."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: set[torch.dtype] = set()

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if op in PRODUCTS:
            self.dtypes |= {factor.dtype for factor in args if isinstance(factor, Tensor)}
        return op(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def without_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)


def _rounded(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).bfloat16()


@pytest.mark.parametrize(
    ("product", "factors"),
    [
        (torch.mm, [(7, 40), (40, 5)]),
        (torch.addmm, [(5,), (7, 40), (40, 5)]),
        (torch.bmm, [(3, 7, 40), (3, 40, 5)]),
        (torch.baddbmm, [(3, 7, 5), (3, 7, 40), (3, 40, 5)]),
        (nn.functional.linear, [(2, 7, 40), (5, 40), (5,)]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_product_is_the_exact_one_rounded_once(product: object, factors: list[tuple[int, ...]]) -> None:
    rounded = [_rounded(*shape) for shape in factors]
    exact = product(*[factor.double() for factor in rounded])  # type: ignore[operator]
    with Seen() as seen, bf16_products(CPU):
        made = product(*rounded)  # type: ignore[operator]
    assert seen.dtypes == {torch.float32}
    assert made.dtype == torch.bfloat16
    assert (made.double() - exact).abs().max() <= 2**-8 * exact.abs().max()


def test_a_model_s_step_is_that_of_native_bf16_within_its_rounding() -> None:
    model = small_bert("two", dropout=0.1).train()
    inputs = {"input_ids": torch.arange(24).reshape(4, 6) % 20, "labels": torch.tensor([0, 1, 0, 1])}

    def gradients() -> Tensor:
        torch.manual_seed(3)  # dropout
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(**inputs).loss
        loss.backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    native = gradients()
    with bf16_products(CPU):
        ours = gradients()
    assert not torch.equal(native, 0 * native)
    assert (ours - native).norm() < 0.02 * native.norm()


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_no_product_of_a_model_is_made_in_bf16(mode: Callable[[], AbstractContextManager[None]]) -> None:
    model = small_bert("two").eval()
    with mode(), Seen() as seen, bf16_products(CPU), torch.autocast("cpu", torch.bfloat16):
        answer = model(input_ids=torch.arange(6)[None]).logits
    assert answer.dtype == torch.bfloat16 and seen.dtypes == {torch.float32}


def test_the_score_of_a_text_is_made_so_too() -> None:
    with Seen() as seen, computing_in("bf16", CPU):
        nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3))
    assert seen.dtypes == {torch.float32}


def test_training_makes_its_products_so(
    small_request: Callable[..., FineTuning], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    monkeypatch.setattr(training_run, "keep_freed_memory", seen.__enter__)  # called just before
    try:
        fine_tune(small_request(precision="bf16", train_size=8), tmp_path / "run", say=lambda line: None)
    finally:
        seen.__exit__(None, None, None)
    assert seen.dtypes == {torch.float32}


def test_float32_is_left_as_it_is() -> None:
    a, b = torch.randn(6, 30), torch.randn(30, 4)
    expected = a @ b
    with bf16_products(CPU):
        assert torch.equal(a @ b, expected)


def test_processors_with_the_arithmetic_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    with Seen() as seen, bf16_products(CPU):
        torch.mm(_rounded(2, 3), _rounded(3, 2))
    assert seen.dtypes == {torch.bfloat16}
