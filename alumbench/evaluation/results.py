"""The fields of `evaluation.json`: the evaluation's identity, and the figures of each entry.

Fields are listed in the order in which they are written. A field that is None by default is left out of the file if an
earlier version did not write it or if it does not apply to the kind of entry. `UNSET` is for fields that can be null or
missing.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from alumbench.config import JsonObject
from alumbench.data import Task
from alumbench.data.source import DataOrigin
from alumbench.evaluation.thresholds import Thresholds
from alumbench.models.checkpoint.identity import Configuration
from alumbench.origins import Origin
from alumbench.records import Count, Positive, Sha256, Text, Whole, as_json

#: Version of the format of evaluation.json.
SCHEMA = 1
#: Prefix of a degree in the name of a measure: `accuracy_within_2`, `accuracy_within_30%`.
BY_DEGREE = "accuracy_within_"
#: Prefix of an ensemble's signature in the name of its table column.
WORST = "worst case "


class Measure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A figure.

    Attributes:
        value: a share, or a metric without an interval; None if undefined.
        reason: why it is undefined.
        low: lower end of the Wilson 95% interval, None without one.
        high: upper end.
        count: examples in its numerator, None for a metric that is not a share.
        n: examples in its denominator.
    """

    value: float | None
    reason: str = ""
    low: float | None = None
    high: float | None = None
    count: Count | None = None
    n: Count


class Validity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An attack's figures through the validity filter.

    Attributes:
        thresholds: the bounds for a valid text.
        means: the tools that measured similarity and grammar.
        texts: adversarial texts that were judged.
        passed: of them, those within the thresholds.
        failed: those outside.
        semantic: median of the similarities, None if any was not measured.
        grammar: median of the grammar proxy, likewise.
        measures: `valid_success_rate` and `accuracy_under_valid_attack`.
    """

    thresholds: Thresholds
    means: dict[str, str] | None = None
    texts: Count | None = None
    passed: Count | None = None
    failed: Count | None = None
    semantic: float | None | UnsetType = UNSET
    grammar: float | None | UnsetType = UNSET
    measures: dict[str, Measure]


class Queries(Struct, frozen=True):
    """The queries of an attack to the model.

    Attributes:
        median: median number of queries per attacked example; None if no example was attacked.
        p95: 95th percentile of the same.
        asked: queries on all examples together, including cached answers.
        unique: texts that went through the model.
        success_within: attack success rate by query budget, the budget as text.
    """

    median: float | None
    p95: float | None
    asked: Count
    unique: Count
    success_within: dict[str, Measure]


class SeedFigures(Struct, frozen=True):
    """Accuracy under attack by attack seed, on the examples that all seeds attacked.

    Attributes:
        n: examples that all seeds attacked.
        accuracy_under_attack: a share by attack seed.
        mean: mean of the shares over the attack seeds.
        sd: their standard deviation (n − 1).
        min: the lowest of them.
        max: the highest of them.
        worst: share of the examples that are robust under every seed.
    """

    n: Count
    accuracy_under_attack: dict[str, Measure]
    mean: float
    sd: float
    min: float
    max: float
    worst: Measure


class Ascents(Struct, frozen=True):
    """Progress of the gradient ascents of an attack in embedding space.

    Attributes:
        moved: mean of |δ| / ε over the attacked examples.
        zero_gradients: mean share of the gradients that were 0.
        not_broken: attacked examples that the attack did not break.
        stuck: of those, examples where |δ| stayed below ε/2 or the loss did not rise.
    """

    moved: float
    zero_gradients: float
    not_broken: Count
    stuck: Count


class SetFigures(Struct, frozen=True):
    """Figures of an attack within a threat model.

    Attributes:
        accuracy_by_degree: accuracy under attack by degree, as text (`2`, `30%`): a text that takes more steps than the
            degree allows does not count as found. The search may have missed texts of a lower degree than it found.
        median_degree: median steps of the adversarial texts, None if there are none.
        empty_sets: examples whose set holds only the original.
        exhausted: examples of which all members were scored and none is misclassified: their robustness is exact.
    """

    accuracy_by_degree: dict[str, Measure]
    median_degree: float | None
    empty_sets: Count
    exhausted: Count


class Summary(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Figures of an entry.

    Attributes:
        measures: by name.
        groups: accuracy by part of a challenge set.
        outcomes: of an attack, the number of each.
        queries: of an attack on texts.
        similarity: mean over the adversarial texts, None if there are none.
        words_changed_share: likewise.
        validity: of an attack that looks for another label.
        attack_seeds: None if it ran under one seed.
        ascent: of an attack in embedding space.
        within: of an attack within a threat model.
    """

    measures: dict[str, Measure]
    groups: dict[str, Measure] | None = None
    outcomes: dict[str, Count] | None = None
    queries: Queries | None = None
    similarity: float | None | UnsetType = UNSET
    words_changed_share: float | None | UnsetType = UNSET
    validity: Validity | None = None
    attack_seeds: SeedFigures | None | UnsetType = UNSET
    ascent: Ascents | None = None
    within: SetFigures | None = None

    @property
    def all_measures(self) -> dict[str, Measure]:
        """Measures by name, including those through the validity filter and those by degree.

        The accuracy at the largest degree is the accuracy under attack.
        """
        *smaller, _ = [*self.within.accuracy_by_degree.items()] if self.within else [None]
        by_degree = {f"{BY_DEGREE}{degree}": measure for degree, measure in filter(None, smaller)}
        return self.measures | by_degree | (self.validity.measures if self.validity else {})

    @property
    def seeds(self) -> SeedFigures | None:
        """Figures by attack seed, None if it ran under one seed."""
        return None if isinstance(self.attack_seeds, UnsetType) else self.attack_seeds


class Seeds(Struct, frozen=True):
    """The attack seeds of an entry.

    Attributes:
        count: number of attack seeds.
        examples: number of examples for each seed after the first.
    """

    count: Positive
    examples: Count


class Truncated(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Number of an entry's texts that are longer than the `longest` tokens that the model reads.

    Attributes:
        longest: tokens, None without a limit.
        positions: tokens that the model could read, whatever its tokenizer says; None if unlimited.
        texts: number of longer originals, None if unknown.
        adversarial: number of longer adversarial texts, likewise.
        reason: why it is unknown.
    """

    longest: Count | None
    positions: Count | None | UnsetType = UNSET
    texts: Count | None
    adversarial: Count | None
    reason: str = ""


class ModelIdentity(Struct, frozen=True):
    """A model that an attack uses besides the victim.

    Attributes:
        weights_sha256: hash of its weights.
        configuration: hashes of all else that changes its answers, by file.
    """

    weights_sha256: Sha256
    configuration: Configuration


class ThreatModelResult(Struct, frozen=True, omit_defaults=True):
    """The set that an attack's adversarial texts must be in.

    Attributes:
        signature: name, degree and version: `chars-2@1`.
        facts: properties of the data that are part of the set, such as its alphabet.
        origin: its source, None if it is part of this package.
    """

    signature: Text
    facts: dict[str, str] = {}
    origin: dict[str, str] | None = None


class EntryResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of a suite as it was run.

    Attributes:
        kind: clean, fixed, attack or embedding; `ensemble` for a worst case over attacks.
        goal: of an attack: untargeted or reduction.
        signature: how its figures were made.
        data_sha256: hash of its examples.
        n: examples.
        sources: the origins of the examples.
        protected: columns that the attack may not change.
        query_budget: queries that an attack on one example may cost, 0 for no limit.
        seeds: None with one attack seed.
        note: a caution about its figures.
        complete: True if all its records are made.
        summary: its figures, None while it is not complete.
        models: models that the attack uses besides the victim.
        origin: the origin of its attack, None for one of this package.
        white_box: True if the attack uses more than the model's answers.
        truncated: texts that the model does not read to their end.
        threat_model: of an attack, None for its recipe's own set.
        queries_per_word: queries that an attack on one example may cost per word, None for no limit.
    """

    kind: Literal["clean", "fixed", "attack", "embedding"]
    goal: str
    signature: Text
    data_sha256: Sha256
    n: Count
    sources: list[DataOrigin] | None = None
    protected: list[str] | None = None
    query_budget: Count | None = None
    seeds: Seeds | None | UnsetType = UNSET
    note: str | None = None
    complete: bool
    summary: Summary | None
    models: dict[str, ModelIdentity] | None = None
    origin: dict[str, str] | None = None
    white_box: bool | None = None
    truncated: Truncated | None = None
    threat_model: ThreatModelResult | None = None
    queries_per_word: Count | None = None

    @property
    def origins(self) -> dict[str, Origin]:
        """The origins of its recipe and its threat model; empty ones for those of this package."""
        within = self.threat_model.origin if self.threat_model else None
        return {"recipe": Origin.read(self.origin or {}), "threat model": Origin.read(within or {})}

    @property
    def figures(self) -> Summary:
        """The figures of a complete entry.

        Raises:
            ValueError: It is not complete.
        """
        if self.summary is None:
            raise ValueError(f"{self.signature}: not finished")
        return self.summary

    @property
    def records(self) -> int:
        """Number of its records when finished: one an example, and one more for each further attack seed."""
        seeds = self.seeds if isinstance(self.seeds, Seeds) else Seeds(1, 0)
        return self.n + (seeds.count - 1) * seeds.examples


class EnsembleResult(Struct, frozen=True, kw_only=True):
    """The worst case over an ensemble.

    Attributes:
        members: names of the entries.
        complete: True if all of them are finished.
        signature: how it was made, '' while it is not complete.
        measures: null with the reason while it is not complete.
        outcomes: the number of each, None while it is not complete.
    """

    kind: ClassVar = "ensemble"

    members: Annotated[list[str], Meta(min_length=1)]
    complete: bool
    signature: str
    measures: dict[str, Measure]
    outcomes: dict[str, Count] | None = None

    @property
    def figures(self) -> Summary:
        """Its measures and outcomes."""
        return Summary(measures=self.measures, outcomes=self.outcomes)


#: The result behind a table's column.
ColumnResult: TypeAlias = EntryResult | EnsembleResult


class ModelCheck(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The results of a model's check; see `alumbench.evaluation.model_checks.check_model`.

    Attributes:
        texts: unchanged texts that were checked.
        training_modules: names of modules in training mode, such as dropout; None if there are no modules to look at.
        again: largest difference in a probability (a score, for a regression) between two passes.
        alone: the same between texts scored together and one by one.
        unpadded: the same between texts as they are scored here and by plain transformers, alone and unpadded, in fp32.
        unpadded_labels: number of predictions that differ there.
        zero_gradients: number of right answers where the gradient of the loss at the embeddings is 0.
        right_answers: number of texts answered right.
        reason: why a check failed, '' if none did.
        unseen: checks that this kind of classifier does not allow, each with the reason.
    """

    texts: Count
    training_modules: list[str] | None
    again: float | None
    alone: float | None
    unpadded: float | None | UnsetType = UNSET
    unpadded_labels: Count | None | UnsetType = UNSET
    zero_gradients: Count | None
    right_answers: Count | None
    reason: str
    unseen: dict[str, str] | None = None


class Flag(Struct, frozen=True):
    """A reason to distrust figures.

    Attributes:
        flag: its name.
        entry: the entry it concerns, '' for all.
        detail: what was found.
    """

    flag: str
    entry: str
    detail: str

    def __str__(self) -> str:
        about = f" ({self.entry})" if self.entry else ""
        return f"{self.flag}{about}: {self.detail}"


class OneAttack(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attack that was named without a suite; see `alumbench.evaluation.one_attack`.

    Attributes:
        recipe: name or path of its recipe, '' for the standard search of the threat model.
        threat_model: name or path with a degree, '' for the recipe's own set.
        examples: number to attack, the same draw for everybody; 0 for all.
        queries: model answers that an example may cost, 0 for no limit.
        queries_per_word: the same per word of the example.
        models: models that the recipe or the threat model leaves open, by name.
    """

    recipe: str = ""
    threat_model: str = ""
    examples: Count = 0
    queries: Count = 0
    queries_per_word: Count = 0
    models: dict[str, str] = {}


class SuiteIdentity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A suite by its name, version and content.

    Attributes:
        name: its name.
        version: its version.
        sha256: hash of its content.
        origin: its source, None for a suite of this package.
        attack: the only attack of a suite that was made for it, None for a suite of a file.
    """

    name: str
    version: Whole
    sha256: Sha256
    origin: dict[str, str] | None = None
    attack: OneAttack | None = None

    @property
    def signature(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


class Identity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The identity of an evaluation: a run is resumed only if all of it is unchanged.

    Attributes:
        model: hash of the weights.
        configuration: hashes of all else that changes the model's answers.
        task: its name.
        suite: the suite.
        attack_seed: the first seed of the attacks.
        limit: examples that each entry was cut to, 0 for none.
        labels: names of the model's outputs, if they were given.
        data: the user's own file, '' for the suite's data.
        protected: True if context columns are protected from attacks.
        device: cpu or cuda; on boards the device's name.
        batch_size: texts a batch of embedding attacks.
        scoring: fixed or fast.
        precision: of the model: fp32, tf32, bf16 or bf16-confirmed.
        versions: of the libraries.
        classifier: its identity, if it is not a whole model in a folder.
        hard_labels: True if it answers with labels alone.
        skip_broken: the ensemble in which broken examples are skipped by later members.
    """

    model: Sha256
    configuration: Configuration | None = None
    task: str
    suite: SuiteIdentity
    attack_seed: Whole
    limit: Whole
    labels: list[str] | None = None
    data: str
    protected: bool
    device: str
    batch_size: Positive | None = None
    scoring: str | None = None
    precision: str | None = None
    versions: dict[str, str | None]
    classifier: dict[str, str] | None = None
    hard_labels: bool | None = None
    skip_broken: str | None = None

    @property
    def scored_otherwise(self) -> list[str]:
        """The parts of a signature for texts that were not scored in the default way."""
        return [*scored_otherwise(self.scoring, self.precision), *(["answers:hard-labels"] if self.hard_labels else [])]


def scored_otherwise(scoring: str | None, precision: str | None) -> list[str]:
    """The parts of a signature for texts that were not scored in the default way: `scoring:fast`, `precision:bf16`.

    None means the default: older evaluations, which do not record it, padded in fp32.
    """
    said = (("scoring", scoring, "fixed"), ("precision", precision, "fp32"))
    return [f"{name}:{value}" for name, value, default in said if value not in (None, default)]


class CheckpointPlace(Struct, frozen=True):
    """The evaluated model.

    Attributes:
        path: its folder or name.
        training: the part of its `training.json` that tables need, unchanged; None without one.
    """

    path: str
    training: dict[str, object] | None


class Reading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Settings with which the model reads texts.

    Attributes:
        longest: the most tokens, None without a limit or if unknown.
        padding: the padding token, None likewise.
        notes: printed at the start of a run.
        reason: why something is unknown.
        scores: the interpretation of a function's or an endpoint's scores: probabilities or logits.
    """

    longest: int | None
    padding: str | None
    notes: list[str]
    reason: str = ""
    scores: str = ""


class Document(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An `evaluation.json`.

    Attributes:
        schema: version of the format.
        identity: the identity of the evaluation.
        checkpoint: the model's path and training.
        task: the task.
        suite_title: the suite's title in one line.
        device: the name of the device.
        begun: start time, in UTC.
        entries: by name, in the suite's order.
        flags: reasons to distrust figures.
        reading: settings with which the model reads texts.
        model_checks: the results of the model's check.
        ensembles: worst cases by signature.
    """

    schema: int
    identity: Identity
    checkpoint: CheckpointPlace
    task: Task
    suite_title: str | None = None
    device: str | None = None
    begun: str | None = None
    entries: dict[str, EntryResult]
    flags: list[Flag] | None = None
    reading: Reading | None = None
    model_checks: ModelCheck | None = None
    ensembles: dict[str, EnsembleResult] | None = None

    def to_json(self) -> JsonObject:
        """The content of the file."""
        return as_json(self) | {"task": self.task.to_dict()}
