"""Names of threat models: their degrees and versions, and the threat model that a name stands for."""

from __future__ import annotations

import re

from alumbench.attacks.threat_models.threat_model import Family, ThreatModel, ThreatModelAt
from alumbench.errors import NAME, AlumbenchError, shown, unknown
from alumbench.registry import THREAT_MODELS, find, is_path, names

#: The largest degree that is not a percentage: searches draw texts step by step.
MOST_STEPS = 1000
#: A degree in a reference: `chars-2`, `chars-2-readable`, `synonyms-30%`, `embedding-0.1`, `./mine.py-2`.
_REFERENCE = re.compile(
    r"(?P<head>.+?)-(?P<degree>\d{1,9}(?:\.\d{1,6})?)(?P<percent>%?)(?P<tail>(?:-[a-z-]+)?)(?:@(?P<version>\d{1,9}))?",
    re.ASCII,
)


def degree_in(reference: str) -> tuple[int, bool]:
    """The degree in a reference or signature, and whether it is a percentage; nothing is loaded.

    Raises:
        ValueError: There is none, or it is no whole number.

    >>> degree_in("chars-2@1"), degree_in("synonyms-30%@1")
    ((2, False), (30, True))
    """
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        raise ValueError(reference)
    return int(parts["degree"]), bool(parts["percent"])


def without_degree(reference: str) -> str:
    """The name or path of a family in a reference; the reference itself if it has no degree.

    >>> without_degree("chars-2-readable@1"), without_degree("./mine.py-2"), without_degree("chars")
    ('chars-readable', './mine.py', 'chars')
    """
    parts = _REFERENCE.fullmatch(reference)
    return parts["head"] + parts["tail"] if parts else reference


def load_family(reference: str, folder: str = "") -> Family:
    """Loads a threat model without a degree, by its name or path: `chars`, `chars-readable`, `./mine.py`.

    Args:
        reference: the name or path.
        folder: the folder that a relative path starts from.

    Raises:
        AlumbenchError: There is none of that name (the nearest is offered), or its file has no valid threat model.
    """
    found = find(THREAT_MODELS, reference, folder)
    family = found.load()
    if not isinstance(family, Family):
        raise AlumbenchError(f"{found.where}: {found.attribute} must be an instance of a ThreatModel")
    found.named(family.name)
    return family


def load_threat_model(reference: str, folder: str = "") -> ThreatModelAt:
    """Loads a threat model at a degree.

    Args:
        reference: `chars-2`, `chars-2@1`, `chars-2-readable`, `synonyms-30%`, `./mine.py-2`.
        folder: the folder that a relative path starts from.

    Raises:
        AlumbenchError: It has no degree or an impossible one, there is none of that name (the nearest is offered), or
            this alumbench has another version.
    """
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        name = reference.partition("@")[0]
        malformed = [known for known in names(THREAT_MODELS) if name.startswith(f"{known}-")]
        if malformed:
            family = load_family(max(malformed, key=len))
            example = f"{family.at(30 if family.percent else 2)}@{family.version}"
            raise AlumbenchError(
                f"threat model {shown(reference, NAME)}: expected a degree and perhaps a version, as in {example}"
            )
        find(THREAT_MODELS, name, folder)  # an unknown name is the better message
        raise AlumbenchError(f"threat model {reference}: give its degree too, such as {name}-1")
    name = without_degree(reference)
    if not is_path(THREAT_MODELS, name) and name not in names(THREAT_MODELS):
        near = [load_family(other).at(parts["degree"]) for other in names(THREAT_MODELS)]
        raise unknown(THREAT_MODELS.name, reference, near, "alumbench threat-models")
    model = load_family(name, folder)
    if not isinstance(model, ThreatModel):
        raise AlumbenchError(
            f"threat model {reference}: has no texts; an entry of kind '{model.name}' searches it and has the "
            f"{model.unit} as a key"
        )
    degree, asked = int(parts["degree"].partition(".")[0]), int(parts["version"]) if parts["version"] else None
    at = ThreatModelAt(name, degree, asked, model)
    if bool(parts["percent"]) != model.percent or "." in parts["degree"]:
        unit = "percentage of words" if model.percent else f"number of {model.unit}s"
        example = model.at(30 if model.percent else 2)
        raise AlumbenchError(f"threat model {reference}: its degree is a {unit}, such as {example}")
    most = 100 if model.percent else MOST_STEPS
    if not 1 <= degree <= most:
        possible = f"{'percent' if model.percent else f'{model.unit}s'} from 1 to {most}"
        raise AlumbenchError(f"threat model {reference}: a degree of {degree} is not possible; {possible}")
    if asked not in (None, model.version):
        raise AlumbenchError(
            f"asks for {at.name}@{asked}, {at.origin() or 'this alumbench'} has {at.signature}; a suite names the "
            f"version it was made for"
        )
    return at
