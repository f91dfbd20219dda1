"""The settings of an evaluation, as given on the command line and in Python calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from alumbench.errors import AlumbenchError
from alumbench.evaluation.results import OneAttack
from alumbench.fields import AtLeast0, AtLeast1
from alumbench.models.resolve import ModelOptions

#: Runs from a plain installation, on anybody's data.
DEFAULT_SUITE = "standard"
#: Folder for evaluations of models that have no folder of their own.
RESULTS = "alumbench-results"


@dataclass(frozen=True)
class EvaluationOptions:
    """The settings of a model's evaluation.

    Attributes:
        suite: a name of `alumbench suites`, or a TOML file; '' for `DEFAULT_SUITE`.
        recipe: name or path of one attack to run instead of a suite; '' for the standard one of `threat_model`.
        threat_model: name or path of the set that it searches, with its degree (`chars-2`); '' for the recipe's own.
        examples: of that attack, the number to attack, the same draw for everybody; 0 for all.
        queries: of that attack, the most model answers for an example, 0 for no limit.
        queries_per_word: the same per word of the example; the smaller of both limits holds.
        attack_models: models that the recipe or the threat model leaves open, by name.
        only: names of entries to run; all when empty.
        data: the user's own examples in place of the suite's.
        text_columns: their text columns; () for the task's, or to detect them.
        label_column: their label column; '' for the training file's, or to detect it.
        delimiter: of a CSV file; '' to detect it.
        encoding: of a file; '' to detect it.
        task: of a model without training.json; '' to infer it.
        values: the meaning of values in the data's label column.
        model: the model's settings besides its name; its `labels` are the names of its outputs.
        attack_seed: seeds the attacks, with each example's id.
        limit: examples that each entry is cut to, 0 for none; for a quick look, never for a leaderboard.
        protect: protect context columns (such as a premise) from attacks.
        skip_broken: skip an example in later attacks of the suite's ensemble once one attack broke it.
        in_flight: examples attacked at a time.
        workers: search processes; 0 to search in this process.
        ray: address of a Ray cluster to search on; '' for none.
        scoring: fixed or fast.
        precision: of a checkpoint: fp32, tf32, bf16, or bf16-confirmed, which searches in bf16 and answers for every
            broken text and every recorded score in fp32.
        batch_size: texts a call of a function or an endpoint, and texts a batch of embedding attacks.
    """

    suite: str = ""
    recipe: str = ""
    threat_model: str = ""
    examples: AtLeast0 = 0
    queries: AtLeast0 = 0
    queries_per_word: AtLeast0 = 0
    attack_models: dict[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    data: Path | None = None
    text_columns: tuple[str, ...] = ()
    label_column: str = ""
    delimiter: str = ""
    encoding: str = ""
    task: str = ""
    values: dict[str, str] = field(default_factory=dict)
    model: ModelOptions = field(default_factory=ModelOptions)
    attack_seed: int = 1
    limit: AtLeast0 = 0
    protect: bool = True
    skip_broken: bool = False
    in_flight: AtLeast1 = 64
    workers: AtLeast0 = 0
    ray: str = ""
    scoring: str = "fixed"
    precision: str = "fp32"
    batch_size: AtLeast1 = 64

    def attack(self) -> OneAttack | None:
        """The attack that is named instead of a suite, None for a suite.

        Raises:
            AlumbenchError: A suite is named too, or only what belongs to an attack is.
        """
        given = {name: getattr(self, name) for name in ("examples", "queries", "queries_per_word")}
        attack = OneAttack(recipe=self.recipe, threat_model=self.threat_model, models=self.attack_models, **given)
        if attack == OneAttack():
            return None
        if self.suite:
            raise AlumbenchError("suite: its entries say how they attack; leave out the suite, or the attack's options")
        if not (self.recipe or self.threat_model):
            named = next(name for name in (*given, "attack_models") if getattr(self, name))
            raise AlumbenchError(f"{named}: is for one attack; name it by its recipe, its threat model or both")
        return attack

    def folder_name(self, suite: str) -> str:
        """Default name of the evaluation's folder; it distinguishes evaluations of the same model."""
        said = {
            f"limit{self.limit}": self.limit,
            self.data.stem if self.data else "": self.data,
            "unprotected": not self.protect,
            "skip-broken": self.skip_broken,
            self.scoring: self.scoring != "fixed",
            self.precision: self.precision != "fp32",
            "hard-labels": self.model.hard_labels,
        }
        return "-".join([suite, f"seed{self.attack_seed}", *(name for name, is_said in said.items() if is_said)])

    @property
    def special(self) -> bool:
        """True if the result is not a plain evaluation; boards and comparisons use only plain ones by default."""
        plain = EvaluationOptions(attack_seed=self.attack_seed)
        return self.folder_name("") != plain.folder_name("")
