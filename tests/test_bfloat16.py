"""bf16 where the processor has no arithmetic for it: the products that it would have made."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from alumbench.bfloat16 import bf16_products
from tests.small_bert import small_bert

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def without_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)


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
    with bf16_products(CPU):
        made = product(*rounded)  # type: ignore[operator]
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


def test_float32_is_left_as_it_is() -> None:
    a, b = torch.randn(6, 30), torch.randn(30, 4)
    with bf16_products(CPU):
        assert torch.equal(a @ b, torch.mm(a, b)) and (a @ b).dtype == torch.float32


def test_processors_with_the_arithmetic_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.utils._python_dispatch import _get_current_dispatch_mode

    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    with bf16_products(CPU):
        assert _get_current_dispatch_mode() is None
