"""Miniature data sets from our own grammar, so that the demo and the tests need nothing but PyPI.

Two tasks, each with a rule-based adversarial version of its dev set:

* `sentiment`: one clause gives the speaker's opinion, with an adjective that may be intensified or negated; other
  clauses are distractors (other people's opinions, other things) and do not count. The adversarial set keeps each
  label while it negates the opposite word ("good" becomes "not bad"), misspells the decisive word, or adds a
  distractor full of the opposite words.
* `nli`: a premise about an animal or a person doing something somewhere; the hypothesis drops or generalizes a part
  (entailment), adds a purpose (neutral), or changes the place or negates the act (contradiction). In the adversarial
  set the surface cue is misleading: negation in an entailment, full word overlap in a contradiction.

Every set is the same at every call: its random seed depends only on its name.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from alumbench.errors import unknown

POSITIVE = ["good", "great", "lovely", "brilliant", "charming", "superb", "clever", "moving", "fresh", "delightful"]
NEGATIVE = ["bad", "awful", "dull", "terrible", "clumsy", "dreadful", "stupid", "boring", "stale", "annoying"]
INTENSIFIERS = ["very", "really", "truly", "quite", "extremely", "rather"]
THINGS = ["film", "play", "book", "song", "show", "story", "concert", "novel", "meal", "game"]
ASIDES = ["poster", "ticket", "seat", "weather", "queue", "cover", "lobby", "trailer"]
OTHERS = ["critics", "friends", "neighbours", "reporters", "people"]
OPENINGS = ["", "in the end , ", "last night ", "to be honest , ", "after all , ", "i think "]

ANIMALS = ["dog", "cat", "horse", "bird", "fox", "rabbit"]
PEOPLE = ["doctor", "teacher", "girl", "boy", "baker", "singer"]
LOOKS = ["old", "young", "tall", "small", "tired", "happy"]
ACTS = ["sleeps", "runs", "waits", "sits", "plays", "eats"]
PLACES = ["garden", "kitchen", "street", "park", "forest", "barn"]
PURPOSES = ["to find food", "for the first time", "with a cousin", "because of the rain", "every day"]

SIZES = {"train": 2400, "dev": 400, "adversarial": 400}


def rows(name: str) -> dict[str, list[str]]:
    """The table of a generated set, such as `sentiment/train`: text columns and the label's name."""
    task, _, split = name.partition("/")
    if task not in _MAKERS or split not in SIZES:
        raise unknown("generated set", name, [f"{task}/{split}" for task in _MAKERS for split in SIZES])
    make, columns = _MAKERS[task]
    rng = random.Random(f"alumbench miniature 1 {name}")  # noqa: S311 - no secret, and the same on every machine
    taken: set[tuple[str, ...]] = set()
    if split != "train":
        taken = {tuple(texts) for texts in zip(*(rows(f"{task}/train")[column] for column in columns), strict=True)}
    table: dict[str, list[str]] = {column: [] for column in [*columns, "label"]}
    while len(table["label"]) < SIZES[split]:
        texts, label = make(rng, split == "adversarial")
        if texts in taken:
            continue
        taken.add(texts)
        for column, value in zip([*columns, "label"], [*texts, label], strict=True):
            table[column].append(value)
    return table


def _sentiment(rng: random.Random, adversarial: bool) -> tuple[tuple[str, ...], str]:
    label = rng.choice(["negative", "positive"])
    same, opposite = (POSITIVE, NEGATIVE) if label == "positive" else (NEGATIVE, POSITIVE)
    attack = rng.choice(["negate", "misspell", "distract"]) if adversarial else ""
    negated = attack == "negate" or (not attack and rng.random() < 0.25)
    word = rng.choice(opposite if negated else same)
    if attack == "misspell":
        word = misspell(word, rng)
    intensifier = rng.choice(INTENSIFIERS) + " " if rng.random() < 0.4 else ""
    thing = rng.choice(THINGS)
    core = f"the {thing} was {'not ' if negated else ''}{intensifier}{word}"
    telling = opposite if attack == "distract" else same + opposite
    said = f"{rng.choice(OTHERS)} said it would be {rng.choice(telling)}"
    aside = f"the {rng.choice(ASIDES)} was {rng.choice(telling)}"
    shapes = [f"although {said} , {core}", f"{core} , though {aside}", f"{core} , even if {said}"]
    sentence = rng.choice(shapes) if attack == "distract" or rng.random() < 0.35 else core
    return (f"{rng.choice(OPENINGS)}{sentence} .",), label


def _nli(rng: random.Random, adversarial: bool) -> tuple[tuple[str, ...], str]:
    label = rng.choice(["entailment", "neutral", "contradiction"])
    kind = rng.choice(["animal", "person"])
    who = rng.choice(ANIMALS if kind == "animal" else PEOPLE)
    look, act, place, other = rng.choice(LOOKS), rng.choice(ACTS), *rng.sample(PLACES, 2)
    premise = f"the {look} {who} {act} in the {place} ."
    if label == "entailment":
        plain = [f"the {who} {act} in the {place} .", f"the {kind} {act} in the {place} .", f"a {look} {who} {act} ."]
        hypothesis = f"the {who} never {act} in the {other} ." if adversarial else rng.choice(plain)
        if adversarial:
            premise = f"the {look} {who} only {act} in the {place} ."
    elif label == "neutral":
        hypothesis = f"the {who} {act} in the {place} {rng.choice(PURPOSES)} ."
        if adversarial:
            hypothesis = f"the {who} {act} in the {place} and not {rng.choice(PURPOSES)} ."
    else:
        plain = [f"the {who} {act} in the {other} .", f"the {who} never {act} .", f"no {kind} {act} in the {place} ."]
        hypothesis = f"the {look} {who} {act} in the {other} ." if adversarial else rng.choice(plain)
        if adversarial:
            premise = f"the {look} {who} only {act} in the {place} , not in the {other} ."
    return (premise, hypothesis), label


def misspell(word: str, rng: random.Random) -> str:
    """A word with one typo inside: two letters swapped, or one dropped. `dull` gives `dlul` or `dul`."""
    place = rng.randrange(1, len(word) - 1)
    if rng.random() < 0.5:
        return word[:place] + word[place + 1 :]
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


_MAKERS: dict[str, tuple[Callable[[random.Random, bool], tuple[tuple[str, ...], str]], list[str]]] = {
    "sentiment": (_sentiment, ["sentence"]),
    "nli": (_nli, ["premise", "hypothesis"]),
}
