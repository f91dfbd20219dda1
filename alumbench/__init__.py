"""alumbench: train text classifiers with and without ALUM, attack them, and publish the results.

The names below are the public API; `docs/api.md` shows each. They are imported on first use:
`import alumbench` loads neither torch nor transformers.

* Evaluate: `evaluate`, `load_evaluation`, `Classifier`, `Identity`, `Evaluation`, `compare`, `Comparison`.
* Publish: `Leaderboard`.
* Train: `train`, `pretrain`, `Checkpoint`, `AdversarialTrainer`, `Curriculum`, `ALUM`, `make_method`, `StepContext`.
* Data and models to try things out with: `load_data`, `task_from_files`, `make_tiny_bert`.
* Names: `list_methods`, `list_recipes`, `list_suites`, `list_tasks`, `list_threat_models`.
* For plug-ins: `Method`, `Loss`, `TrainingData`; `Recipe`, `SearchRecipe`, `WhiteBoxRecipe`, `WhiteBoxAttack`, `Climb`;
  `ThreatModel`, `PerturbationSet`, `Member`, `ChoiceSet`, `Slot`.
* Every error that a user can act on: `AlumbenchError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alumbench.api import Classifier, Leaderboard, compare, evaluate, load_evaluation
    from alumbench.attacks import Recipe, WhiteBoxAttack, WhiteBoxRecipe
    from alumbench.attacks.embedding_space import Climb
    from alumbench.attacks.set_search import SearchRecipe
    from alumbench.attacks.threat_models.choices import ChoiceSet, Slot
    from alumbench.attacks.threat_models.threat_model import Member, PerturbationSet, ThreatModel
    from alumbench.data.from_files import task_from_files
    from alumbench.data.labelled_texts import load_data
    from alumbench.errors import AlumbenchError
    from alumbench.listing import list_methods, list_recipes, list_suites, list_tasks, list_threat_models
    from alumbench.methods import Loss, Method, TrainingData, make_method
    from alumbench.methods.alum import Alum as ALUM
    from alumbench.models.classifier import Identity
    from alumbench.pretraining.api import pretrain
    from alumbench.results import Comparison, Evaluation
    from alumbench.training.adversarial_trainer import AdversarialTrainer
    from alumbench.training.api import Checkpoint, StepContext, train
    from alumbench.training.curriculum import Curriculum
    from alumbench.training.tiny_bert import make_tiny_bert

__version__ = "0.1.0"
__all__ = [
    "ALUM",
    "AdversarialTrainer",
    "AlumbenchError",
    "Checkpoint",
    "ChoiceSet",
    "Classifier",
    "Climb",
    "Comparison",
    "Curriculum",
    "Evaluation",
    "Identity",
    "Leaderboard",
    "Loss",
    "Member",
    "Method",
    "PerturbationSet",
    "Recipe",
    "SearchRecipe",
    "Slot",
    "StepContext",
    "ThreatModel",
    "TrainingData",
    "WhiteBoxAttack",
    "WhiteBoxRecipe",
    "compare",
    "evaluate",
    "list_methods",
    "list_recipes",
    "list_suites",
    "list_tasks",
    "list_threat_models",
    "load_data",
    "load_evaluation",
    "make_method",
    "make_tiny_bert",
    "pretrain",
    "task_from_files",
    "train",
]

#: The module of each name that is not in `alumbench.api`.
_HOMES = {
    "AdversarialTrainer": "alumbench.training.adversarial_trainer",
    "AlumbenchError": "alumbench.errors",
    "Checkpoint": "alumbench.training.api",
    "Climb": "alumbench.attacks.embedding_space",
    "Comparison": "alumbench.results",
    "Curriculum": "alumbench.training.curriculum",
    "Evaluation": "alumbench.results",
    "Identity": "alumbench.models.classifier",
    "SearchRecipe": "alumbench.attacks.set_search",
    "StepContext": "alumbench.training.api",
    "load_data": "alumbench.data.labelled_texts",
    "make_tiny_bert": "alumbench.training.tiny_bert",
    "pretrain": "alumbench.pretraining.api",
    "task_from_files": "alumbench.data.from_files",
    "train": "alumbench.training.api",
    **dict.fromkeys(
        ("list_methods", "list_recipes", "list_suites", "list_tasks", "list_threat_models"), "alumbench.listing"
    ),
    **dict.fromkeys(("Loss", "Method", "TrainingData", "make_method"), "alumbench.methods"),
    **dict.fromkeys(("Recipe", "WhiteBoxAttack", "WhiteBoxRecipe"), "alumbench.attacks"),
    **dict.fromkeys(("ChoiceSet", "Slot"), "alumbench.attacks.threat_models.choices"),
    **dict.fromkeys(("Member", "PerturbationSet", "ThreatModel"), "alumbench.attacks.threat_models.threat_model"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'alumbench' has no attribute {name!r}; it has {', '.join(__all__)}")
    if name == "ALUM":
        return import_module("alumbench.methods.alum").Alum
    return getattr(import_module(_HOMES.get(name, "alumbench.api")), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
