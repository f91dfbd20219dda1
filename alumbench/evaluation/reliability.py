"""When an evaluation cannot be trusted as it is: flags, as AutoAttack raises them (Croce and Hein 2020), and ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alumbench.attacks.outcome import ERROR, ROBUST, TIMEOUT
from alumbench.evaluation.seeds import main_records

Record = Mapping[str, Any]
Flag = dict[str, str]
#: The flag of a model that answers no better than one label for all would.
AT_CHANCE = "clean-accuracy-at-chance"
#: The flag of a model that is wrong more often than any answer without a look at the text would be.
SWAPPED = "labels-swapped"
#: How unlikely, of a model that looks at nothing, a clean accuracy as low must be for that flag.
UNLIKELY = 1e-3
#: A difference in a probability that answers may have between batches; `verify` takes the same for the border.
DIFFERENCE = 1e-5
#: Share of examples that may end in an error or a timeout.
MOST_FAILED = 0.01
#: Share of the examples not broken at which an ascent may have stood still.
MOST_STUCK = 0.01
#: Share of the examples not broken that may have spent their whole query budget.
MOST_SPENT = 0.05


def flags(
    entries: Mapping[str, Mapping[str, Any]],
    records: Mapping[str, Sequence[Record]],
    checks: Sequence[Mapping[str, Any]],
    labels: Sequence[str],
) -> list[Flag]:
    """All flags of an evaluation, or of several of one checkpoint.

    Args:
        entries: finished ones by name, as `evaluation.json` has them.
        records: of each entry.
        checks: what `check_model` found, once an evaluation.
        labels: of the task.

    Returns:
        For each flag its name, the entry that it is about (empty: the whole) and what was found.
    """
    found = [flag for check in checks for flag in model_flags(check)]
    attacks = {name: entry for name, entry in entries.items() if entry["kind"] == "attack"}
    found += too_few_attacks(attacks)
    for name, entry in entries.items():
        found += truncated(name, entry)
        found += at_chance(name, entry, main_records(records.get(name, [])), labels)
        found += swapped(name, entry, main_records(records.get(name, [])))
        found += stuck(name, entry)
    for name, entry in attacks.items():
        main = main_records(records.get(name, []))
        found += [*failures(name, main), *saturated(name, entry, main), *beaten(name, entry, attacks)]
    return [flag for at, flag in enumerate(found) if flag not in found[:at]]


def model_flags(check: Mapping[str, Any]) -> Iterator[Flag]:
    """Dropout on, outputs not deterministic, zero gradients, or that this could not be found out."""
    training = check["training_modules"]
    if training:
        yield _flag("dropout-on", "", f"modules in training mode: {len(training)} ({', '.join(training[:3])})")
    for name, how in (("again", "scored twice"), ("alone", "scored together and one by one")):
        if check[name] is not None and check[name] > DIFFERENCE:
            detail = f"{check['texts']} texts {how}: probabilities differ by up to {check[name]:.1e}"
            yield _flag("not-deterministic", "", detail)
    if (check.get("unpadded") or 0) > DIFFERENCE:  # evaluations before it was looked at do not say
        yield _flag(
            "padding-changes-answers",
            "",
            f"{check['texts']} texts in batches and alone, unpadded, by plain transformers: probabilities differ by up "
            f"to {check['unpadded']:.1e}, {check['unpadded_labels']} answers change",
        )
    if check["zero_gradients"]:
        detail = f"the gradient is 0 at {check['zero_gradients']} of {check['right_answers']} examples answered right"
        yield _flag("zero-gradients", "", f"{detail}: white-box attacks see nothing there")
    if check["reason"]:
        yield _flag("not-checked", "", f"the model could not be checked: {check['reason']}")


def too_few_attacks(attacks: Mapping[str, Mapping[str, Any]]) -> Iterator[Flag]:
    """Fewer than two attacks that look for another label."""
    looking = [name for name, entry in attacks.items() if entry["goal"] == "untargeted"]
    if attacks and len(looking) < 2:
        yield _flag("fewer-than-two-attacks", "", f"{', '.join(looking) or 'none'} alone; others may find more")


def at_chance(name: str, entry: Mapping[str, Any], records: Sequence[Record], labels: Sequence[str]) -> Iterator[Flag]:
    """Clean accuracy no higher than of one label for all, the commonest, of the task's own examples."""
    clean = _clean(entry)
    commonest = max(Counter(str(record["label"]) for record in records).values(), default=0)
    if clean and labels and clean["count"] <= max(commonest, clean["n"] / len(labels)):
        detail = f"clean accuracy {clean['value']:.1%}, no more than of one label for all: nothing to lose to an attack"
        yield _flag(AT_CHANCE, name, detail)


def truncated(name: str, entry: Mapping[str, Any]) -> Iterator[Flag]:
    """Texts that the model does not read to their end; evaluations before it was counted do not say."""
    cut = entry.get("truncated")
    if cut and (cut["texts"] or cut["adversarial"]):
        detail = f"{cut['texts']} of {entry['n']} texts"
        detail += f" and {cut['adversarial']} adversarial ones" if cut["adversarial"] else ""
        rest = "; attacks do not touch what is cut off" if entry["kind"] == "attack" else ""
        detail += f" are longer than the {cut['longest']} tokens the model reads{rest}; "
        most = cut.get("positions")
        detail += (
            "the model has no more positions"
            if most == cut["longest"]
            else "train with a larger --max-length to read more"
        )
        yield _flag("truncated", name, detail)


def swapped(name: str, entry: Mapping[str, Any], records: Sequence[Record]) -> Iterator[Flag]:
    """Clean accuracy far below what one label for all gives, whichever it is: the answers carry wrong names."""
    clean, counts = _clean(entry), Counter(str(record["label"]) for record in records)
    if not clean or not clean["n"] or len(counts) < 2:
        return
    floor = min(counts.values()) / sum(counts.values())
    from scipy.stats import binom

    if binom.cdf(clean["count"], clean["n"], floor) < UNLIKELY:
        yield _flag(
            SWAPPED,
            name,
            f"clean accuracy {clean['value']:.1%}, far below the {floor:.1%} of always answering the rarest label: "
            f"the labels are probably swapped; correct id2label in the checkpoint's config.json or, if that has no "
            f"names, give --labels in the checkpoint's output order",
        )


def stuck(name: str, entry: Mapping[str, Any]) -> Iterator[Flag]:
    """An embedding attack whose ascents stood still on more than `MOST_STUCK` of the examples that it did not break."""
    told = entry["summary"].get("ascent")
    if told and told["stuck"] > MOST_STUCK * told["not_broken"]:
        detail = (
            f"on {told['stuck']} of the {told['not_broken']} examples not broken, δ stayed below ε/2 or the loss "
            f"never rose ({told['zero_gradients']:.0%} of all gradients are 0); a stronger attack might break them"
        )
        yield _flag("ascent-did-not-move", name, detail)


def failures(name: str, records: Sequence[Record]) -> Iterator[Flag]:
    """More than `MOST_FAILED` errors and timeouts."""
    counts = {outcome: sum(record["outcome"] == outcome for record in records) for outcome in (ERROR, TIMEOUT)}
    if sum(counts.values()) > MOST_FAILED * len(records):
        yield _flag("errors", name, f"{counts[ERROR]} errors and {counts[TIMEOUT]} timeouts of {len(records)}")


def saturated(name: str, entry: Mapping[str, Any], records: Sequence[Record]) -> Iterator[Flag]:
    """More than `MOST_SPENT` of the examples not broken had spent the whole query budget."""
    budget = entry.get("query_budget", 0)
    kept = [record for record in records if record["outcome"] == ROBUST]
    spent = sum(record["queries"] >= budget for record in kept) if budget else 0
    if spent > MOST_SPENT * len(kept):
        detail = f"{spent} of {len(kept)} examples not broken spent all {budget} queries: more might break them"
        yield _flag("budget-saturated", name, detail)


def beaten(name: str, entry: Mapping[str, Any], attacks: Mapping[str, Mapping[str, Any]]) -> Iterator[Flag]:
    """A white-box search of words that leaves more examples than a black-box attack on the same ones."""
    if not entry.get("white_box"):
        return
    mine = _under_attack(entry)
    for other, attack in attacks.items():
        same = attack["data_sha256"] == entry["data_sha256"] and attack.get("white_box") is False
        theirs = _under_attack(attack) if same else None
        if mine is not None and theirs is not None and theirs < mine:
            detail = f"{other} leaves {theirs:.1%}, this white-box search {mine:.1%}: gradients may mislead it"
            yield _flag("black-box-beats-white-box", name, detail)


def _clean(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    measures: Mapping[str, Any] = entry["summary"]["measures"]
    found: Mapping[str, Any] | None = measures.get("accuracy" if entry["kind"] == "clean" else "clean_accuracy")
    return found if found and found["value"] is not None else None


def _under_attack(entry: Mapping[str, Any]) -> float | None:
    measure = entry["summary"]["measures"].get("accuracy_under_attack")
    return None if measure is None else measure["value"]


def _flag(name: str, entry: str, detail: str) -> Flag:
    return {"flag": name, "entry": entry, "detail": detail}


def told(flag: Flag) -> str:
    """A flag in a line."""
    about = f" ({flag['entry']})" if flag["entry"] else ""
    return f"{flag['flag']}{about}: {flag['detail']}"
