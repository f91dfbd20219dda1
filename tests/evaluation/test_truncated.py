"""Texts that are cut are counted, recorded, flagged and verified as they were read; the others leave no trace."""

from __future__ import annotations

import json
import shutil

import pytest

from alumbench.attacks.victim import Victim
from alumbench.cli.verify import tell
from alumbench.data import load_task
from alumbench.evaluation.evaluate import CUT, EVALUATION, RECORDS
from alumbench.evaluation.reliability_flags import truncated
from alumbench.evaluation.rescoring import Rescored
from alumbench.evaluation.stored import Stored, protocol_signature
from alumbench.evaluation.verify import replay, verify
from alumbench.models.checkpoint import checkpoint_task, find_model
from alumbench.parsing import read_json
from alumbench.storage import read_records
from tests.attacks.conftest import dev
from tests.evaluation.conftest import run
from tests.typed import entry_result


@pytest.fixture
def cut(pair_checkpoint, tmp_path, write_suite):
    """The small suite on a pair checkpoint that reads half of its dev set whole: the evaluation and its victim."""
    folder = shutil.copytree(pair_checkpoint, tmp_path / "short")
    whole = Victim(find_model(str(folder)), load_task("mini-nli"), "cpu")
    lengths = sorted(len(row.ids) for row in whole.rows([example.texts for example in dev("mini-nli")]))
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": lengths[len(lengths) // 2]}))
    files = find_model(str(folder))
    victim = Victim(files, checkpoint_task(files), "cpu")
    run(folder, tmp_path / "out", write_suite(), victim)
    return tmp_path / "out", victim


def test_what_is_cut_is_counted_recorded_and_flagged(cut):
    out, victim = cut
    records, document = read_records(out / RECORDS)[0], read_json(out / EVALUATION)
    most = read_json(victim.files.path / "config.json")["max_position_embeddings"]
    columns = victim.task.columns
    for record in records:
        texts = {"original": record["texts"]}
        if record.get("adversarial"):
            texts["adversarial"] = record["adversarial"]
        long = [name for name, text in texts.items() if victim.cut([[text[column] for column in columns]])[0]]
        assert record.get("truncated", []) == long
    for name, entry in document["entries"].items():
        own = [record.get("truncated", []) for record in records if record["entry"] == name]
        counts = {"texts": sum("original" in c for c in own), "adversarial": sum("adversarial" in c for c in own)}
        assert entry["truncated"] == {"longest": victim.longest, "positions": most, **counts} and counts["texts"] > 0
        assert counts["texts"] < entry["n"] or entry["kind"] == "fixed"
        assert entry["signature"].endswith(f"|{CUT}") == (entry["kind"] == "attack")
        (flag,) = [f for f in document["flags"] if f["flag"] == "truncated" and f["entry"] == name]
        assert f"{counts['texts']} of {entry['n']} texts" in flag["detail"]
        assert f"{victim.longest} tokens" in flag["detail"] and "train with a larger --max-length" in flag["detail"]
        at_most = entry["truncated"] | {"positions": victim.longest}
        (flag,) = truncated(name, entry_result(**entry | {"truncated": at_most}))
        assert "the model has no more" in flag.detail and "--max-length" not in flag.detail


def test_lengths_differ_and_the_figures_stay_comparable(cut, evaluated):
    short, whole = (read_json(out / EVALUATION)["entries"]["attack"] for out in (cut[0], evaluated))
    assert short["signature"] != whole["signature"] and protocol_signature(short["signature"]) == protocol_signature(
        whole["signature"]
    )


def test_what_fits_leaves_no_trace_but_counts_of_nothing(evaluated):
    document = read_json(evaluated / EVALUATION)
    assert not [record for record in read_records(evaluated / RECORDS)[0] if "truncated" in record]
    assert not [flag for flag in document["flags"] if flag["flag"] == "truncated"]
    for entry in document["entries"].values():
        assert CUT not in entry["signature"] and entry["truncated"]["texts"] == entry["truncated"]["adversarial"] == 0


def test_verify_cuts_a_pair_as_it_was_cut(cut, monkeypatch):
    out, victim = cut
    records = read_records(out / RECORDS)[0]
    broken = [record for record in records if record["entry"] == "attack" and record["outcome"] == "broken"]
    assert [record for record in broken if "truncated" in record]
    (verdict,) = verify(Stored.read(out), victim)
    assert verdict.texts == verdict.hold == len(broken)

    asked = []
    scores = Victim.scores

    def spy(self, texts, shares=None):
        asked.extend(shares or [])
        return scores(self, texts, shares)

    monkeypatch.setattr(Victim, "scores", spy)
    verify(Stored.read(out), victim)
    assert sum(share is not None for share in asked) == sum("truncated" in record for record in broken)
    # As of an evaluation before cut texts were counted, whose pairs came as the tokenizer cuts them.
    for record in records:
        record.pop("truncated", None)
    (out / RECORDS).write_text("".join(json.dumps(record) + "\n" for record in records))
    asked.clear()
    verify(Stored.read(out), victim)
    assert len(asked) == len(broken) and set(asked) == {None}


def test_verify_says_which_cut_pairs_it_cannot_read(cut, capsys):
    """How one is cut follows from its original, which a stored record does not hold."""
    out, victim = cut
    stored = Stored.read(out)
    broken = [record for record in stored.records if record.entry == "attack" and record.outcome == "broken"]
    long = [record for record in broken if record.truncated]
    (verdict,) = replay({"attack": stored.document.entries["attack"]}, broken, victim, {})
    assert 0 < verdict.unread == len(long) and verdict.hold == verdict.texts == len(broken) - len(long)
    tell("here", [verdict], [Rescored("attack", 0, 0, (), (), "")])
    assert f"not checked: adversarial texts that were cut ({len(long)})" in capsys.readouterr().out
