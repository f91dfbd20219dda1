"""The model check sees a model that is read at the wrong token."""

from __future__ import annotations

import pytest

from alumbench.attacks.victim import Victim
from alumbench.data import Example, load_task
from alumbench.evaluation.model_checks import check_model
from alumbench.evaluation.reliability_flags import model_flags
from alumbench.models.checkpoint import find_model
from tests.attacks.readers import READERS, TEXTS


@pytest.mark.parametrize(("name", "pad", "wrong"), [("llama-other-pad", None, False), ("llama-other-pad", 1, True)])
def test_batches_are_held_against_plain_transformers(name, pad, wrong, tmp_path):
    reader = next(reader for reader in READERS if reader.name == name)
    victim = Victim(find_model(str(reader.write(tmp_path))), load_task("mini-sentiment"), "cpu")
    victim.pad_id = victim.pad_id if pad is None else pad  # what the head takes for a word
    check = check_model(victim, [Example(str(at), (text,), "positive") for at, text in enumerate(TEXTS)], {})
    assert check.reason == ""
    names = [flag.flag for flag in model_flags(check)]
    assert ("padding-changes-answers" in names) is wrong
    assert (check.unpadded > 1e-2 and check.unpadded_labels > 0) if wrong else check.unpadded < 1e-6
