"""A causal language model as a classifier: each label is a word, scored by its log-probability after a prompt.

The score of a label is log p(word | prompt), summed over the word's tokens and not divided by their number, so words
with more tokens score lower. The comparison is fair for words with equally many tokens; otherwise a note is printed.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from alumbench.devices import choose_device
from alumbench.engine import NO_LIMIT
from alumbench.errors import AlumbenchError, shown
from alumbench.models.answers import hard
from alumbench.models.checkpoint import ModelFiles, check_vocabulary, load_tokenizer, longest
from alumbench.models.checkpoint.adapter import load_adapted
from alumbench.models.checkpoint.identity import configuration_sha256
from alumbench.models.checkpoint.loading import load_model
from alumbench.models.classifier import Identity, Texts, check_labels, check_texts

if TYPE_CHECKING:
    from torch import Tensor

WHAT = "causal language model"
#: Sequences per batch, and the number that its width in tokens is a multiple of. The shape does not depend on what is
#: scored together, so that scores are bitwise the same.
ROWS, STEP = 16, 8
#: Width in tokens up to which a batch has all its rows.
FULL_WIDTH = 512


class _Sequence(NamedTuple):
    """One sequence that the model reads.

    Attributes:
        ids: tokens.
        wanted: pairs of a position and the token whose probability is wanted after it.
        shared: whether these are one token per label, rather than the tokens of one word.
    """

    ids: tuple[int, ...]
    wanted: tuple[tuple[int, int], ...]
    shared: bool


class CausalLmClassifier:
    """A causal LM with a prompt and a word per label.

    Attributes:
        model: the network, in evaluation mode and float32.
        hard_label_only: whether its scores are 0 or 1.
    """

    def __init__(
        self,
        files: ModelFiles,
        labels: Sequence[str],
        prompt: str,
        words: Sequence[str] = (),
        *,
        columns: Sequence[str] = (),
        device: str = "auto",
        hard_labels: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        r"""Loads the model.

        Args:
            files: its folder; a PEFT adapter works too.
            labels: names of the labels.
            prompt: the text before the word, with `{text}` (or `{0}`, `{1}`, or the names in `columns`) where the
                texts go: `"Review: {text}\nSentiment:"`. A word follows it after one space, unless it ends in white
                space.
            words: the word of each label; () for their names.
            columns: names of the texts, in their order.
            device: auto, cpu or cuda.
            hard_labels: use only its label.
            say: called with one line if the label words have different numbers of tokens.

        Raises:
            AlumbenchError: It cannot be loaded, the prompt has no placeholder for a text, or two words are equal.
        """
        self._files, self._prompt, self.hard_label_only = files, prompt, hard_labels
        self._labels = check_labels(labels, str(files.path))
        self._words = tuple(words) or self._labels
        self._columns = tuple(columns)
        self._texts = _places(prompt, self._columns, str(files.path))
        if len(self._words) != len(self._labels) or len(set(self._words)) < len(self._words) or "" in self._words:
            raise AlumbenchError(
                f"--label-words {','.join(self._words)}: give one distinct word per label; "
                f"the labels are {', '.join(self._labels)}"
            )
        self._space = "" if prompt[-1:].isspace() else " "
        self.tokenizer = load_tokenizer(files)
        if not self.tokenizer.is_fast:
            raise AlumbenchError(f"{files.path}: its tokenizer is not a fast one, so it cannot map tokens to words")
        self.model = _load(files).to(choose_device(device)).eval()
        check_vocabulary(files, self.tokenizer, self.model)
        limit = longest(self.tokenizer, self.model)
        self._longest = (NO_LIMIT if limit is None else limit) - 1  # one place is left for padding
        self._before = self._marks()
        self._say_lengths(say)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the words."""
        return self._labels

    @property
    def identity(self) -> Identity:
        """Its weights, configuration and tokenizer, the prompt and the words."""
        parts = {
            "weights_sha256": self._files.weights_sha256(),
            "configuration_sha256": configuration_sha256(self._files),
            "prompt": self._prompt,
            "words": "|".join(self._words),
        }
        return Identity("causal-lm", str(self._files.path), parts, is_named=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the folder instead of the weights."""
        arguments = (self._files, self._labels, self._prompt, self._words, self._columns, str(self.model.device.type))
        return _again, (*arguments, self.hard_label_only)

    def predict(self, texts: Sequence[Texts]) -> Tensor:
        """Log-probabilities of each label's word, (n, labels) float32 on the CPU."""
        import torch

        check_texts(texts)
        asked = [self._sequences(text) for text in texts]
        distinct = list(dict.fromkeys(one for sequences in asked for one in sequences))
        found = dict(zip(distinct, self._score(distinct), strict=True))
        rows = [torch.cat([found[one] for one in sequences]) for sequences in asked]
        logits = torch.stack(rows) if rows else torch.zeros(0, len(self._labels))
        return hard(logits) if self.hard_label_only else logits

    def cut(self, texts: Sequence[Texts]) -> list[bool]:
        """For each text, whether it is cut because it does not fit beside the prompt and the longest word."""
        return [self._fitted(text)[0] != tuple(text) for text in texts]

    def _sequences(self, text: Texts) -> list[_Sequence]:
        """One sequence for all labels if each word is one token, else one per label."""
        fitted, whole = self._fitted(text)
        shared = 0
        # All words follow the same tokens, even if a tokenizer joins the prompt's end with a word's start.
        while shared < min(map(len, whole)) - 1 and len({ids[shared] for ids in whole}) == 1:
            shared += 1
        shared = min(shared, len(self._ids(self._filled(fitted))))
        if not shared:  # an empty prompt: a word is scored after the token that ends texts
            whole, shared = [(int(self.tokenizer.pad_token_id), *ids) for ids in whole], 1
        if all(len(ids) == shared + 1 for ids in whole):
            return [_Sequence(whole[0][:shared], tuple((shared - 1, ids[shared]) for ids in whole), True)]
        return [_Sequence(ids[:-1], tuple((at - 1, ids[at]) for at in range(shared, len(ids))), False) for ids in whole]

    def _score(self, sequences: Sequence[_Sequence]) -> list[Tensor]:
        """The wanted log-probabilities of each sequence: one per label if it is shared, else their sum, (1,)."""
        import torch

        found: dict[_Sequence, Tensor] = {}
        for part, rows, width in _batches(sequences, self._longest + 1):
            ids = torch.zeros(rows, width, dtype=torch.long)
            mask = torch.zeros_like(ids)
            for at in range(rows):  # rows below the sequences repeat the first
                own = part[at if at < len(part) else 0].ids
                ids[at, : len(own)], mask[at, : len(own)] = torch.tensor(own), 1
            device = self.model.device
            with torch.inference_mode():
                logits = self.model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
            for at, one in enumerate(part):
                places = torch.tensor([place for place, _ in one.wanted], device=device)
                logs = logits[at, places].float().log_softmax(-1)
                wanted = logs[torch.arange(len(places)), [token for _, token in one.wanted]].cpu()
                found[one] = wanted if one.shared else wanted.sum(dim=0, keepdim=True)
        return [found[one] for one in sequences]

    def _filled(self, text: Texts) -> str:
        values = dict(zip(self._columns, text, strict=False)) | {"text": text[0]}
        return string.Formatter().vformat(self._prompt, text, values)

    def _fitted(self, text: Texts) -> tuple[Texts, list[tuple[int, ...]]]:
        """The texts, the longest cut at its end until all fits, and the tokens of the prompt with each word."""
        text = tuple(text)
        while True:
            filled = self._filled(text) + self._space
            whole = [self._ids(filled + word) for word in self._words]
            over = max(map(len, whole)) - self._longest
            if over <= 0:
                return text, whole
            at = max(self._texts, key=lambda at: len(text[at]))
            spans = self.tokenizer(text[at], return_offsets_mapping=True, add_special_tokens=False, verbose=False)
            offsets = spans["offset_mapping"]
            if not offsets:
                raise AlumbenchError(
                    f"{self._files.path}: the prompt alone is longer than the {self._longest} tokens that the "
                    f"model reads"
                )
            end = offsets[max(0, len(offsets) - over)][0]
            text = (*text[:at], text[at][: min(end, len(text[at]) - 1)], *text[at + 1 :])

    def _ids(self, text: str) -> tuple[int, ...]:
        return (*self._before, *self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _marks(self) -> tuple[int, ...]:
        """The special tokens that the tokenizer puts before a text; may be empty."""
        whole, own = (self.tokenizer("a", add_special_tokens=marks)["input_ids"] for marks in (True, False))
        for at in range(len(whole) - len(own) + 1):
            if whole[at : at + len(own)] == own:
                return tuple(whole[:at])
        return ()

    def _say_lengths(self, say: Callable[[str], None]) -> None:
        bare = len(self._ids(self._filled(("a",) * (max(self._texts) + 1))))
        filled = self._filled(("a",) * (max(self._texts) + 1)) + self._space
        counts = [max(1, len(self._ids(filled + word)) - bare) for word in self._words]
        if len(set(counts)) > 1:
            each = ", ".join(f"'{shown(word, 40)}' {n}" for word, n in zip(self._words, counts, strict=True))
            say(
                f"note: {self._files.path}: the label words have different numbers of tokens ({each}); "
                f"log-probabilities are summed, so longer words score lower"
            )


def _load(files: ModelFiles) -> Any:
    from transformers import AutoModelForCausalLM

    if files.base is not None:
        return load_adapted(files, AutoModelForCausalLM, WHAT, lambda _: lambda name: False, {})
    return load_model(files, AutoModelForCausalLM, WHAT)[0]


def _again(
    files: ModelFiles,
    labels: Sequence[str],
    prompt: str,
    words: Sequence[str],
    columns: Sequence[str],
    device: str,
    hard_labels: bool,
) -> CausalLmClassifier:
    quiet: Callable[[str], None] = lambda line: None  # noqa: E731 - said where it was loaded first
    return CausalLmClassifier(
        *(files, labels, prompt, words), columns=columns, device=device, hard_labels=hard_labels, say=quiet
    )


def _places(prompt: str, columns: Sequence[str], who: str) -> set[int]:
    """Numbers of the texts that the prompt has placeholders for.

    Raises:
        AlumbenchError: It has none, lacks one, names an unknown one, or is not a valid template.
    """
    known = {name: at for at, name in enumerate(columns)} | {"text": 0}
    found: set[int] = set()
    try:
        fields = [(name, spec, kind) for _, name, spec, kind in string.Formatter().parse(prompt) if name is not None]
    except ValueError as error:
        raise AlumbenchError(f"--prompt: {error}; write {{{{ and }}}} for braces") from None
    for name, spec, kind in fields:
        place = int(name) if name.isdecimal() else known.get(name)
        if place is None or spec or kind or (columns and place >= len(columns)):
            named = ", ".join(f"{{{one}}}" for one in [*columns] or ["text"])
            raise AlumbenchError(f"--prompt: {{{name}}} is not a text column; use {named}")
        found.add(place)
    missing = set(range(len(columns))) - found
    if not found or missing:
        absent = ", ".join(f"{{{columns[at]}}}" for at in sorted(missing)) if missing and columns else "{text}"
        raise AlumbenchError(f"--prompt: has no {absent}, so {who} would not see it")
    return found


def _batches(sequences: Sequence[_Sequence], limit: int) -> Iterator[tuple[list[_Sequence], int, int]]:
    """Batches by width, with their rows and width; no row fills its width, so that the mask stays in use."""
    by_width: dict[int, list[_Sequence]] = {}
    for one in sequences:
        by_width.setdefault(min(STEP * (len(one.ids) // STEP + 1), limit), []).append(one)
    for width, group in sorted(by_width.items()):
        rows = ROWS if width <= FULL_WIDTH else 1
        for begin in range(0, len(group), rows):
            yield group[begin : begin + rows], rows, width
