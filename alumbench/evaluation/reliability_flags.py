"""Flags for evaluations that may be unreliable: those of AutoAttack (Croce and Hein 2020), and our own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from alumbench.attacks.outcome import ERROR, ROBUST, TIMEOUT
from alumbench.attacks.single_search import budget_of
from alumbench.evaluation.results import EntryResult, Flag, Measure, ModelCheck
from alumbench.evaluation.seeds import main_records
from alumbench.records import Attacked, Record, Searched

#: The flag of a model that is no better than always answering one label.
AT_CHANCE = "clean-accuracy-at-chance"
#: The flag of a model that is wrong more often than any constant answer.
SWAPPED = "labels-swapped"
#: That flag is raised if a model that ignores the text has such a low clean accuracy with at most this probability.
UNLIKELY = 1e-3
#: Allowed difference of a probability between batches; `verify` uses the same margin.
DIFFERENCE = 1e-5
#: Allowed share of examples that end in an error or a timeout.
MOST_FAILED = 0.01
#: Allowed share of stuck ascents among the examples not broken.
MOST_STUCK = 0.01
#: Allowed share of the examples not broken that spent their whole query budget.
MOST_SPENT = 0.05


def flags(
    entries: Mapping[str, EntryResult],
    records: Mapping[str, Sequence[Record]],
    checks: Sequence[ModelCheck],
    labels: Sequence[str],
) -> list[Flag]:
    """All flags of an evaluation, or of several of one checkpoint.

    Args:
        entries: finished ones by name, as `evaluation.json` has them.
        records: of each entry.
        checks: results of `check_model`, one an evaluation.
        labels: of the task.

    """
    found = [flag for check in checks for flag in model_flags(check)]
    attacks = {name: entry for name, entry in entries.items() if entry.kind == "attack"}
    found += too_few_attacks(attacks)
    for name, entry in entries.items():
        found += truncated(name, entry)
        found += at_chance(name, entry, main_records(records.get(name, [])), labels)
        found += swapped(name, entry, main_records(records.get(name, [])))
        found += stuck(name, entry)
    for name, entry in attacks.items():
        main = main_records(records.get(name, []))
        found += [*failures(name, main), *saturated(name, entry, main), *beaten(name, entry, attacks)]
        found += empty_sets(name, entry)
    return [flag for at, flag in enumerate(found) if flag not in found[:at]]


def model_flags(check: ModelCheck) -> Iterator[Flag]:
    """Flags for dropout, outputs that are not deterministic, padding, zero gradients, or a check that failed."""
    training = check.training_modules
    if training:
        yield _flag("dropout-on", "", f"modules in training mode: {len(training)} ({', '.join(training[:3])})")
    for moved, how in ((check.again, "scored twice"), (check.alone, "scored together and one by one")):
        if moved is not None and moved > DIFFERENCE:
            detail = f"{check.texts} texts {how}: probabilities differ by up to {moved:.1e}"
            yield _flag("not-deterministic", "", detail)
    if isinstance(check.unpadded, float) and check.unpadded > DIFFERENCE:  # older evaluations do not say
        yield _flag(
            "padding-changes-answers",
            "",
            f"{check.texts} texts in batches and alone, unpadded, by plain transformers: probabilities differ by up "
            f"to {check.unpadded:.1e}, {check.unpadded_labels} answers change",
        )
    if check.zero_gradients:
        detail = f"the gradient is 0 at {check.zero_gradients} of {check.right_answers} examples answered right"
        yield _flag("zero-gradients", "", f"{detail}: white-box attacks see nothing there")
    if check.reason:
        yield _flag("not-checked", "", f"the model could not be checked: {check.reason}")


def too_few_attacks(attacks: Mapping[str, EntryResult]) -> Iterator[Flag]:
    """A flag if fewer than two attacks look for another label, members of ensembles counted, and none is exact."""
    looking = {name: _members(entry) for name, entry in attacks.items() if entry.goal == "untargeted"}
    if attacks and sum(looking.values()) < 2 and not any(_is_exact(attacks[name]) for name in looking):
        yield _flag("fewer-than-two-attacks", "", f"{', '.join(looking) or 'none'} alone; others may find more")


def _members(entry: EntryResult) -> int:
    """Number of attacks that an entry's recipe runs, by its signature: `atk:standard@1(beam@1+charmer@1)`."""
    recipe = next((part for part in entry.signature.split("|") if part.startswith("atk:")), "")
    return 1 + recipe.count("+")


def _is_exact(entry: EntryResult) -> bool:
    """True if all members of the set of each robust example were scored: no other attack within it finds more."""
    within, outcomes = entry.figures.within, entry.figures.outcomes or {}
    failed = outcomes.get(ERROR, 0) + outcomes.get(TIMEOUT, 0)
    return within is not None and not failed and within.exhausted == outcomes.get(ROBUST, 0)


def at_chance(name: str, entry: EntryResult, records: Sequence[Record], labels: Sequence[str]) -> Iterator[Flag]:
    """A flag if clean accuracy is at most that of always answering the commonest label, or at most chance."""
    clean = _clean(entry)
    golds = Counter(str(record.label) for record in records)
    commonest = max(golds.values(), default=0)
    if clean and labels and (clean.count or 0) <= max(commonest, clean.n / len(labels)):
        detail = "nothing to lose to an attack" if len(golds) > 1 else "all examples have that label"
        yield _flag(AT_CHANCE, name, f"clean accuracy {clean.value:.1%}, no more than of one label for all: {detail}")


def truncated(name: str, entry: EntryResult) -> Iterator[Flag]:
    """A flag if the model does not read all texts to their end; early evaluations did not record this."""
    cut = entry.truncated
    if cut and (cut.texts or cut.adversarial):
        detail = f"{cut.texts} of {entry.n} texts"
        detail += f" and {cut.adversarial} adversarial ones" if cut.adversarial else ""
        if cut.longest is None:  # a causal LM beside its prompt
            yield _flag("truncated", name, f"{detail} are longer than what the classifier reads, and lose their end")
            return
        rest = "; attacks do not touch what is cut off" if entry.kind == "attack" else ""
        detail += f" are longer than the {cut.longest} tokens the model reads{rest}; "
        detail += (
            "the model has no more positions"
            if cut.positions == cut.longest
            else "train with a larger --max-length to read more"
        )
        yield _flag("truncated", name, detail)


def swapped(name: str, entry: EntryResult, records: Sequence[Record]) -> Iterator[Flag]:
    """A flag if clean accuracy is far below that of always answering any one label: labels are probably swapped."""
    clean, counts = _clean(entry), Counter(str(record.label) for record in records)
    if not clean or not clean.n or len(counts) < 2:
        return
    floor = min(counts.values()) / sum(counts.values())
    from scipy.stats import binom

    if binom.cdf(clean.count, clean.n, floor) < UNLIKELY:
        yield _flag(
            SWAPPED,
            name,
            f"clean accuracy {clean.value:.1%}, far below the {floor:.1%} of always answering the rarest label: "
            f"the labels are probably swapped; correct id2label in the checkpoint's config.json or, if that has no "
            f"names, give --labels in the checkpoint's output order",
        )


def stuck(name: str, entry: EntryResult) -> Iterator[Flag]:
    """A flag if an embedding attack got stuck on more than `MOST_STUCK` of the examples that it did not break."""
    told = entry.figures.ascent
    if told and told.stuck > MOST_STUCK * told.not_broken:
        detail = (
            f"on {told.stuck} of the {told.not_broken} examples not broken, δ stayed below ε/2 or the loss "
            f"never rose ({told.zero_gradients:.0%} of all gradients are 0); a stronger attack might break them"
        )
        yield _flag("ascent-did-not-move", name, detail)


def failures(name: str, records: Sequence[Record]) -> Iterator[Flag]:
    """A flag if there are more than `MOST_FAILED` errors and timeouts."""
    counts = {outcome: sum(record.outcome == outcome for record in records) for outcome in (ERROR, TIMEOUT)}
    if sum(counts.values()) > MOST_FAILED * len(records):
        yield _flag("errors", name, f"{counts[ERROR]} errors and {counts[TIMEOUT]} timeouts of {len(records)}")


def saturated(name: str, entry: EntryResult, records: Sequence[Record]) -> Iterator[Flag]:
    """A flag if more than `MOST_SPENT` of the examples not broken spent the whole budget, or spent it at once."""
    kept = [record for record in records if isinstance(record, Attacked) and record.outcome == ROBUST]
    spent = [record for record in kept if _spent(record, entry)]
    first = [record for record in spent if record.searched is not None and _in_first_step(record.searched)]
    if len(first) > MOST_SPENT * len(kept):
        detail = (
            f"on {len(first)} of {len(kept)} examples not broken the budget ended within the first step: the figure is "
            f"of the budget, not of the threat model"
        )
        yield _flag("budget-ends-in-first-step", name, detail)
    elif len(spent) > MOST_SPENT * len(kept):
        whole = "their whole budget" if entry.queries_per_word else f"all {entry.query_budget} queries"
        detail = f"{len(spent)} of {len(kept)} examples not broken spent {whole}: more might break them"
        yield _flag("budget-saturated", name, detail)


def empty_sets(name: str, entry: EntryResult) -> Iterator[Flag]:
    """A flag if the threat model's set holds only the original for some examples, which cannot be attacked then."""
    within = entry.figures.within
    if within and within.empty_sets and entry.threat_model:
        detail = (
            f"for {within.empty_sets} of {entry.n} examples {entry.threat_model.signature} has no text but the "
            f"original, so they count as robust if they are answered right"
        )
        yield _flag("empty-sets", name, detail)


def _spent(record: Attacked, entry: EntryResult) -> bool:
    """True if a search spent its whole query budget and left something to search."""
    budget = budget_of(record.words, entry.query_budget or None, entry.queries_per_word)
    unsearched = record.searched is None or bool(record.searched.largest and not record.searched.exhausted)
    return budget is not None and record.queries >= budget and unsearched


def _in_first_step(searched: Searched) -> bool:
    return searched.reached is not None and searched.reached <= 1


def beaten(name: str, entry: EntryResult, attacks: Mapping[str, EntryResult]) -> Iterator[Flag]:
    """A flag if a white-box word search is weaker than a black-box attack on the same examples, within the same set."""
    if not entry.white_box:
        return
    mine = _under_attack(entry)
    for other, attack in attacks.items():
        same = (attack.data_sha256, attack.threat_model) == (entry.data_sha256, entry.threat_model)
        theirs = _under_attack(attack) if same and attack.white_box is False else None
        if mine is not None and theirs is not None and theirs < mine:
            detail = f"{other} leaves {theirs:.1%}, this white-box search {mine:.1%}: gradients may mislead it"
            yield _flag("black-box-beats-white-box", name, detail)


def _clean(entry: EntryResult) -> Measure | None:
    found = entry.figures.measures.get("accuracy" if entry.kind == "clean" else "clean_accuracy")
    return found if found and found.value is not None else None


def _under_attack(entry: EntryResult) -> float | None:
    measure = entry.figures.measures.get("accuracy_under_attack")
    return None if measure is None else measure.value


def _flag(name: str, entry: str, detail: str) -> Flag:
    return Flag(name, entry, detail)
