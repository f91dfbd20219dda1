"""The content of a board's page, tables and report: its rows, columns and cells, not yet formatted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Drop:
    """The share of the clean accuracy on its examples that an attack removes, mean over seeds.

    Attributes:
        low: lower end of its interval, None with several seeds.
        high: upper end.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ShownExample:
    """An example that the model got wrong or an attack broke.

    Attributes:
        seed: training seed of its checkpoint, None for published predictions.
        to: the label predicted for the adversarial text, None without one.
        columns: the adversarial text by column.
        changed: its character ranges whose words differ from the original's.
    """

    seed: int | None
    id: str
    label: str | float
    prediction: str | float | None
    to: str | None
    outcome: str
    columns: Mapping[str, str] | None
    changed: Mapping[str, Sequence[tuple[int, int]]] | None
    queries: int | None
    similarity: float | None


@dataclass(frozen=True)
class SeedDifference:
    """One training seed's difference, with its exact McNemar p."""

    seed: int
    value: float | None
    p: float | None


@dataclass(frozen=True)
class Difference:
    """A row against the baseline: a share, with the interval and p of the Multi-Bootstrap.

    Attributes:
        p_holm: p corrected over the table.
        distinct: whether `p_holm` is below 5%.
        reason: why there is no interval.
        by_seed: the difference for each seed that both have.
    """

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    reason: str
    by_seed: tuple[SeedDifference, ...] = ()
    p_holm: float | None = None
    distinct: bool = False


@dataclass(frozen=True)
class OverSeeds:
    """A figure over training seeds.

    Attributes:
        value: the mean, None where there is no number.
        low: lower end of its Wilson interval at n examples; seeds share the examples, so they do not add to n.
        high: upper end.
        sd: over seeds, None with one.
        min: least.
        max: greatest.
        n: examples.
        seeds: training seeds that have the figure.
        reason: why there is no number.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    min: float | None = None
    max: float | None = None
    n: int = 0
    seeds: int = 0
    reason: str = ""


@dataclass(frozen=True)
class SetSearch:
    """How far a row's searches within a threat model came, all seeds together.

    Attributes:
        threat_model: its signature.
        median_degree: median steps of the adversarial texts, None without any.
        empty_sets: examples whose set holds only the original.
        exhausted: robust examples of which all members were scored.
        robust: robust examples.
        optimality: share of what enumeration breaks which the attack breaks too; None where nothing enumerates the set.
        query_share: its queries as a share of those of enumeration, likewise.
    """

    threat_model: str
    median_degree: float | None
    empty_sets: int
    exhausted: int
    robust: int
    optimality: OverSeeds | None = None
    query_share: OverSeeds | None = None


@dataclass(frozen=True)
class Cell(OverSeeds):
    """A row's figure for a column.

    Attributes:
        signature: how it was made.
        counts: outcomes of all seeds together, none for fixed sets.
        relative_drop: the share of accuracy that the attack removes; None if the column is not an attack.
        examples: some of those that went wrong.
        examples_total: their total number.
        records: the file with all of them.
        rank: in the column, None without a rank.
        tied: whether others have the same rank.
        difference: from the baseline.
        searched: of an attack within a threat model, how far it came.
    """

    signature: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    relative_drop: Drop | None = None
    examples: Sequence[ShownExample] = ()
    examples_total: int = 0
    records: str = ""
    rank: int | None = None
    tied: bool = False
    difference: Difference | None = None
    searched: SetSearch | None = None


@dataclass(frozen=True)
class CurvePoint:
    """A curve's value at a radius, a budget or a degree, mean over seeds, with its interval at n examples."""

    at: float
    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class EffectiveRobustness:
    """How far rows lie above what clean accuracy predicts, or the `reason` why that is unknown."""

    reason: str
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RowFlag:
    """A flag of a row, with the seeds that have it and the finding for the first."""

    flag: str
    entry: str
    detail: str
    seeds: Sequence[int] = ()


@dataclass(frozen=True)
class Cost:
    """The training cost of a row: mean over seeds, None where the board does not vouch for its times."""

    training_ratio: float | None = None
    seconds: float | None = None
    device: str = ""


@dataclass(frozen=True)
class DegreeCurve:
    """Accuracy under an attack by degree of its threat model.

    Attributes:
        threat_model: its signature.
        percent: whether a degree is a percentage of the words.
        points: from degree 0.
    """

    threat_model: str
    percent: bool
    points: Sequence[CurvePoint]


@dataclass(frozen=True)
class Curves:
    """A row's curves.

    Attributes:
        security: accuracy by relative radius.
        queries: success rate by query budget, by attack.
        degrees: accuracy by degree, by attack within a threat model.
    """

    security: Sequence[CurvePoint] = ()
    queries: Mapping[str, Sequence[CurvePoint]] = field(default_factory=dict)
    degrees: Mapping[str, DegreeCurve] = field(default_factory=dict)


@dataclass(frozen=True)
class ViewRow:
    """One row of the board.

    Attributes:
        name: its name in the table.
        reference: the note on a row of published predictions, '' for others.
        settings: how it was made, in one line.
        seeds: training seeds.
        cells: its cells, by the column's key.
    """

    name: str
    task: str = ""
    reference: str = ""
    method: str = ""
    model: str = ""
    parameters: str = ""
    settings: str = ""
    seeds: Sequence[int] = ()
    flags: Sequence[RowFlag] = ()
    cells: Mapping[str, Cell] = field(default_factory=dict)
    curves: Curves = Curves()
    cost: Cost = Cost()

    @property
    def single_seed(self) -> bool:
        """True if the row has only one seed, and so no spread."""
        return len(self.seeds) == 1


@dataclass(frozen=True)
class ViewColumn:
    """One column of the board.

    Attributes:
        key: unique among the columns.
        about: a description of its figures.
        unit: percent, ratio or number.
        n: least and greatest number of examples.
        note: caveats on its figures.
        detectable: the smallest difference found at the least n with 80% power; None without comparisons.
    """

    key: str
    title: str
    task: str = ""
    entry: str = ""
    measure: str = ""
    group: str = ""
    role: str = "other"
    about: str = ""
    higher_is_better: bool = True
    unit: str = "number"
    n: tuple[int, int] = (0, 0)
    note: str = ""
    detectable: float | None = None


@dataclass(frozen=True)
class View:
    """The content of a board's page, tables and report.

    Attributes:
        rank: title of the column that orders the rows, '' for none.
        scatter: keys of the columns of the scatter plot, None without one.
        notes: lines under the table.
        provenance: how rows were made.
        versions: versions of the libraries used in evaluations.
        signatures: signatures of all figures.
        downloads: the tables as CSV and JSON.
    """

    title: str
    about: str = ""
    reading: str = ""
    baseline: str = ""
    rank: str = ""
    columns: Sequence[ViewColumn] = ()
    rows: Sequence[ViewRow] = ()
    scatter: tuple[str, str] | None = None
    effective_robustness: EffectiveRobustness = EffectiveRobustness("")
    notes: Sequence[str] = ()
    provenance: Sequence[str] = ()
    versions: Sequence[str] = ()
    signatures: Sequence[str] = ()
    downloads: Mapping[str, str] = field(default_factory=dict)
