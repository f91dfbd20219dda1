"""Records as boards publish them: with the evidence, without the data set's own texts."""

from __future__ import annotations

import difflib
import hashlib
import re

from msgspec.structs import replace

from alumbench.records import Answered, Ascended, Attacked, Record


def published(record: Record) -> Record:
    """A record without the data set's own texts, which keep their licence and are not copied.

    The id is a hash of the content, so the text can be found in the data set that the entry names. Adversarial
    texts stay: they are the evidence. Probabilities have nine digits, the precision of a 32-bit float. Two facts that
    need the texts are added: `changed`, the character ranges of each adversarial text whose words are not the
    original's, and, for pairs, `cluster`: examples with the same first text (such as a premise) are not independent,
    so statistics draw them together.

    Args:
        record: a record of an evaluation.
    """
    texts = record.texts or {}
    cluster = cluster_of(record) if len(texts) > 1 else record.cluster
    if isinstance(record, Answered):
        return replace(record, texts=None, cluster=cluster, scores=_short(record.scores))
    if isinstance(record, Ascended):
        scores = _short(record.adversarial_scores)
        return replace(record, texts=None, cluster=cluster, scores=_short(record.scores), adversarial_scores=scores)
    if not isinstance(record, Attacked):
        raise TypeError(f"{type(record).__name__} is made from records, and is not published itself")
    changed = {name: changed_words(texts[name], text) for name, text in (record.adversarial or {}).items()}
    return replace(
        record,
        texts=None,
        cluster=cluster,
        scores=_short(record.scores),
        adversarial_scores=_short(record.adversarial_scores),
        changed={name: ranges for name, ranges in changed.items() if ranges} if record.adversarial else record.changed,
    )


def _short(scores: list[float] | None) -> list[float] | None:
    """The scores with nine digits, the precision of a 32-bit float."""
    return [float(f"{score:.9g}") for score in scores] if scores else scores


def cluster_of(record: Record) -> str:
    """An example's cluster in a bootstrap: for pairs the hash of the first text, else its own id."""
    if record.cluster or len(record.texts or ()) < 2:
        return record.cluster or record.id
    first = next(iter((record.texts or {}).values()))
    return hashlib.sha256(first.encode(errors="surrogatepass")).hexdigest()[:12]


def changed_words(before: str, after: str) -> list[tuple[int, int]]:
    """Character ranges of `after`, end excluded, in which its words differ from those of `before`.

    Words are separated by white space. Adjacent changed words form one range; removed words have none.
    """
    words = [(match.start(), match.end()) for match in re.finditer(r"\S+", after)]
    matcher = difflib.SequenceMatcher(None, before.split(), [after[a:b] for a, b in words], autojunk=False)
    return [
        (words[first][0], words[last - 1][1])
        for kind, _, _, first, last in matcher.get_opcodes()
        if kind != "equal" and first < last
    ]
