"""A victim for the searches of one example: its texts as rows, and every answer asked once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from alumbench.attacks.victim import Texts, Victim
from alumbench.engine.precision import CONFIRMED
from alumbench.engine.scheduler import query_model
from alumbench.engine.token_rows import TokenizedText
from alumbench.engine.tokens import Shares

if TYPE_CHECKING:
    from alumbench.attacks.threat_models.threat_model import Spans


class VictimWrapper:
    """The victim as TextAttack sees a model: a callable with a `model`. It never scores a text twice.

    Attributes:
        model: the transformers model, whose class TextAttack checks.
        on_query: called with the texts of each call; raises to stop an attack.
        protected: columns that may not change.
        example: the texts of the example.
        unique: number of rows scored by the model since `begin`; one asked in bf16 and in fp32 counts once.
        is_confirming: whether variants are asked in bf16 first, so that not every answer is what fp32 would give.
        shares: how variants of the example that are too long are cut, see `Victim.shares`.
        cut: whether the example is longer than the model reads, and the tokenizer can say where it is cut.
    """

    def __init__(
        self,
        victim: Victim,
        on_query: Callable[[Sequence[Texts]], None] | None = None,
        protected: Sequence[str] = (),
    ) -> None:
        """Wraps a victim."""
        self.victim, self.model, self.tokenizer = victim, victim.model, victim.tokenizer
        self.on_query, self.protected = on_query, protected
        self.begin(())

    def begin(self, example: Texts, label: int | None = None) -> None:
        """Starts another example, or none if it is empty, and forgets known answers.

        Args:
            example: its texts.
            label: its right label, if an attack succeeds with any other: with precision `bf16-confirmed`, variants
                that keep it in bf16 are answered in bf16. All else, and everything without a label, is in fp32.
        """
        self.example, self._label = tuple(example), label
        self.is_confirming = label is not None and self.victim.in_bf16 is not None
        self.is_confirming &= self.victim.scorer.precision == CONFIRMED
        self._known: dict[TokenizedText, Tensor] = {}
        self.unique = 0
        self.shares: Shares | None = self.victim.shares(example, self.protected) if example else None
        tells = self.tokenizer is not None and bool(self.tokenizer.is_fast)
        self.cut = bool(example) and tells and self.victim.cut([example])[0]
        self._original = self.rows([example])[0] if example and self.is_confirming else None

    @property
    def spans(self) -> Spans:
        """The part of each text that may change: nothing of protected columns, of others what the victim reads."""
        columns, texts = self.victim.task.columns, self.example
        read = self.victim.view(texts, self.shares).read if self.cut else [(0, len(text)) for text in texts]
        return tuple((0, 0) if column in self.protected else span for column, span in zip(columns, read, strict=True))

    def forget(self) -> None:
        """Forgets known answers, which takes their memory back; asked again, a row is scored again."""
        self._known.clear()

    def rows(self, texts: Sequence[Texts]) -> list[TokenizedText]:
        """Variants of the example as the model reads them."""
        return self.victim.rows(texts, None if self.shares is None else [self.shares] * len(texts))

    def __call__(self, texts: Sequence[str | tuple[str, ...]]) -> Tensor:
        """Logits, (n, labels): TextAttack turns them into probabilities itself, row by row."""
        asked = [(text,) if isinstance(text, str) else tuple(text) for text in texts]
        if self.on_query is not None:
            self.on_query(asked)
        rows = self.rows(asked)
        new = [row for row in dict.fromkeys(rows) if row not in self._known]
        if new:
            self.unique += len(new)
            self._known.update(zip(new, self._answers(new), strict=True))
        return torch.stack([self._known[row] for row in rows])

    def _answers(self, rows: Sequence[TokenizedText]) -> list[Tensor]:
        """The victim's answers; see `begin` for those in bf16."""
        victim, scorer = self.victim, self.victim.scorer
        if not self.is_confirming or victim.in_bf16 is None:
            return query_model(victim, rows, scorer)
        variants = [row for row in rows if row != self._original]
        found = dict(zip(variants, query_model(victim.in_bf16, variants, scorer), strict=True)) if variants else {}
        found = {row: answer for row, answer in found.items() if int(answer.argmax()) == self._label}
        doubtful = [row for row in rows if row not in found]
        if doubtful:
            found |= zip(doubtful, query_model(victim, doubtful, scorer), strict=True)
        return [found[row] for row in rows]
