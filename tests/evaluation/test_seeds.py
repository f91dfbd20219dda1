"""Several attack seeds on a subset, models of recipes, and their place in records and signatures."""

from __future__ import annotations

import json
import shutil
import statistics

import pytest

from alumbench.errors import AlumbenchError
from alumbench.evaluation.document import EVALUATION, RECORDS
from alumbench.evaluation.seeds import main_records, summarize_seeds
from alumbench.evaluation.stored import Stored
from alumbench.leaderboard.compare import compare
from alumbench.models.checkpoint import find_model
from alumbench.models.checkpoint.identity import identity
from alumbench.parsing import read_json
from alumbench.storage import read_records
from tests import typed
from tests.evaluation.conftest import SMALL, lines, run
from tests.test_checkpoints import change_json
from tests.test_weights import rewrite, with_value
from tests.typed import answered, plain

SEEDED = SMALL.replace("queries = 60", "queries = 12\nseeds = 3\nseed_examples = 10").replace(
    "examples = 60", "examples = 20"
)


@pytest.fixture(scope="module")
def seeded(pair_checkpoint, tmp_path_factory):
    from alumbench.evaluation.suite import load_suite

    folder = tmp_path_factory.mktemp("seeded")
    (folder / "small.toml").write_text(SEEDED)
    run(pair_checkpoint, folder / "out", load_suite(str(folder / "small.toml")), attack_seed=7)
    return folder / "out"


def attacked(out):
    return [record for record in read_records(out / RECORDS)[0] if record["entry"] == "attack"]


def test_the_first_examples_are_attacked_under_each_seed(seeded):
    records = attacked(seeded)
    assert [r["attack_seed"] for r in records] == [7] * 20 + [8] * 10 + [9] * 10
    first = [r["id"] for r in records[:10]]
    assert [r["id"] for r in records[20:30]] == first == [r["id"] for r in records[30:]]
    entry = read_json(seeded / EVALUATION)["entries"]["attack"]
    assert "seeds:3x10" in entry["signature"].split("|") and entry["seeds"] == {"count": 3, "examples": 10}
    assert entry["n"] == 20 and Stored.read(seeded).document.entries["attack"].records == 40 == len(records)


def test_main_figures_are_of_the_first_seed_alone(pair_checkpoint, seeded, write_suite, tmp_path):
    once = write_suite(("seeds = 3\nseed_examples = 10\n", ""), text=SEEDED)
    document = run(pair_checkpoint, tmp_path / "out", once, attack_seed=7)
    summary = read_json(seeded / EVALUATION)["entries"]["attack"]["summary"]
    assert document["entries"]["attack"]["summary"] == summary | {"attack_seeds": None}
    assert [json.loads(line) for line in lines(tmp_path / "out")][-20:] == [
        {name: value for name, value in record.items() if name != "seconds"} for record in attacked(seeded)[:20]
    ]
    assert len(Stored.read(seeded).results.records_of("attack")) == 20


def test_seeds_by_hand(seeded):
    records = attacked(seeded)
    found = read_json(seeded / EVALUATION)["entries"]["attack"]["summary"]["attack_seeds"]
    subset = {r["id"] for r in records[20:30]}
    robust = {
        seed: {r["id"] for r in records if r["attack_seed"] == seed and r["outcome"] == "robust"} & subset
        for seed in (7, 8, 9)
    }
    shares = [len(robust[seed]) / 10 for seed in (7, 8, 9)]
    assert found["n"] == 10
    assert [found["accuracy_under_attack"][str(seed)]["value"] for seed in (7, 8, 9)] == shares
    assert (found["mean"], found["sd"]) == (statistics.fmean(shares), statistics.stdev(shares))
    assert (found["min"], found["max"]) == (min(shares), max(shares))
    assert found["worst"]["count"] == len(robust[7] & robust[8] & robust[9]) and found["worst"]["n"] == 10


def test_seeds_stand_under_the_table(seeded):
    from alumbench.formatting import format_share
    from alumbench.leaderboard.compare import compare

    found = read_json(seeded / EVALUATION)["entries"]["attack"]["summary"]["attack_seeds"]
    text = compare([seeded]).render("markdown")
    assert (
        f"attack under 3 attack seeds at n=10: accuracy {format_share(found['mean'])} ± {format_share(found['sd'])}"
        in text
    )


def test_the_worst_seed_counts_by_example():
    rows = [("a", 1, "robust"), ("b", 1, "robust"), ("c", 1, "broken"), ("a", 2, "robust"), ("b", 2, "broken")]
    records = [typed.attacked(id=id, attack_seed=seed, outcome=outcome) for id, seed, outcome in rows]
    found = plain(summarize_seeds(records))
    assert found["n"] == 2 and found["worst"]["count"] == 1
    assert [one["count"] for one in found["accuracy_under_attack"].values()] == [2, 1]
    assert (found["mean"], found["min"], found["max"]) == (0.75, 0.5, 1.0)
    assert [r.id for r in main_records(records)] == ["a", "b", "c"]
    assert summarize_seeds(records[:3]) is None and main_records([answered()]) == [answered()]


@pytest.mark.parametrize("cut", [5, 25, 39])
def test_it_resumes_within_any_seed(pair_checkpoint, seeded, write_suite, tmp_path, cut):
    out = shutil.copytree(seeded, tmp_path / "out")
    whole = (out / RECORDS).read_bytes().splitlines(keepends=True)
    (out / RECORDS).write_bytes(b"".join(whole[: len(whole) - 40 + cut]))
    document = run(pair_checkpoint, out, write_suite(text=SEEDED), attack_seed=7)
    assert lines(out) == lines(seeded)
    assert document["entries"] == read_json(seeded / EVALUATION)["entries"]


def test_every_seeds_texts_are_verified(pair_checkpoint, seeded):
    from alumbench.attacks.victim import Victim
    from alumbench.evaluation.verify import verify
    from alumbench.models.checkpoint import checkpoint_task

    files = find_model(str(pair_checkpoint))
    (verdict,) = verify(Stored.read(seeded), Victim(files, checkpoint_task(files), "cpu"))
    assert verdict.texts == verdict.hold == sum(r["outcome"] == "broken" for r in attacked(seeded))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds = 3\n", "seeds = 0\n", r"\(attack\).seeds: expected a whole number from 1 to"),
        ("seeds = 3\n", "", r"\(attack\): seeds = 1 with seed_examples = 10; give both: seeds = 3"),
        ("seed_examples = 10\n", "", r"\(attack\): seeds = 3 with seed_examples = 0; give both: seeds = 3"),
        ("seed_examples = 10", "seed_examples = -1", r"\(attack\).seed_examples: expected a whole number from 0 to"),
        ("seed_examples = 10", "seed_examples = 21", r"\(attack\): seed_examples = 21 is more than examples = 20"),
        ("deepwordbug-all-words", "input-reduction", r"\(attack\): seeds are for attacks that try to change the label"),
        ('kind = "clean"', 'kind = "clean"\nseeds = 2', r"\(clean\): seeds are for attacks"),
        ('kind = "clean"', 'kind = "clean"\nseed_examples = 2', r"\(clean\): seed_examples is for attacks"),
        ('kind = "clean"', 'kind = "clean"\nmodels = { masked_lm = "x" }', r"\(clean\): models is for attacks"),
        (
            "seeds = 3",
            "seeds = 3\nmodels = { masked_lm = 3 }",
            r"\(attack\).models.masked_lm: expected text, found",
        ),
    ],
)
def test_what_is_wrong_is_named(write_suite, old, new, message):
    with pytest.raises(AlumbenchError, match=message):
        write_suite((old, new), text=SEEDED)


@pytest.mark.parametrize(
    ("recipe", "models", "message"),
    [
        ("deepwordbug-all-words@1", '{ masked_lm = "x" }', "entry attack: recipe deepwordbug-all-words takes no model"),
        ("bae-local@1", "{ }", r"entry attack: recipe bae-local needs models = \{ masked_lm"),
        ("bae-local@1", '{ masked_lm = "/none/here" }', "entry attack: masked_lm = /none/here: no such folder"),
    ],
)
def test_models_are_checked_before_anything_runs(
    pair_checkpoint, write_suite, tmp_path, recipe, models, message, mirror
):
    suite = write_suite(("deepwordbug-all-words@1", recipe), ("queries = 60", f"queries = 60\nmodels = {models}"))
    with pytest.raises(AlumbenchError, match=f"nothing was run: {message}"):
        run(pair_checkpoint, tmp_path / "out", suite)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def asks_a_model(pair_checkpoint, write_suite, tmp_path, monkeypatch):
    """A suite whose attack is given a masked LM (a copy of the checkpoint, which it asks nothing), and what it got."""
    import dataclasses

    from alumbench.attacks import load_recipe
    from alumbench.attacks.execution import job
    from alumbench.attacks.resources import REQUIRED_MODELS
    from alumbench.evaluation import suite_entry as module

    plain, given = load_recipe("deepwordbug-all-words"), []

    def build(wrapper, masked_lm):
        given.append(masked_lm)
        return plain.build(wrapper)

    recipe = dataclasses.replace(plain, build=build, required_models=("masked_lm",))
    for place in (module, job):
        monkeypatch.setattr(place, "load_recipe", lambda name: recipe)
    monkeypatch.setitem(
        REQUIRED_MODELS,
        "masked_lm",
        dataclasses.replace(REQUIRED_MODELS["masked_lm"], problem=lambda value: ""),
    )
    lm = shutil.copytree(pair_checkpoint, tmp_path / "lm")
    change_json(lm / "config.json")  # nulls, which it leaves out, are gone before the first run
    return write_suite(("queries = 60", f'queries = 60\nmodels = {{ masked_lm = "{lm}" }}')), lm, given


def test_models_reach_the_recipe_and_the_signature(pair_checkpoint, asks_a_model, tmp_path):
    suite, lm, given = asks_a_model
    document = run(pair_checkpoint, tmp_path / "out", suite, limit=2, only=("attack",))
    assert set(given) == {str(lm)}
    entry = document["entries"]["attack"]
    assert f"masked_lm:lm:{document['identity']['model'][:12]}" in entry["signature"].split("|")
    assert entry["models"] == {"masked_lm": identity(find_model(str(lm)))}
    assert str(lm) not in json.dumps(entry)


CHANGED = {
    "weights": (lambda lm: rewrite(lm, with_value(0.5)), "masked_lm: weights"),
    "configuration": (lambda lm: change_json(lm / "config.json", layer_norm_eps=0.1), "masked_lm: config.json: lay"),
    "tokenizer": (lambda lm: change_json(lm / "tokenizer.json", normalizer=None), "masked_lm: tokenizer.json"),
    "nothing that matters": (lambda lm: change_json(lm / "config.json", torch_dtype="float16"), ""),
}


@pytest.mark.parametrize("what", CHANGED)
def test_an_attack_goes_on_with_the_models_that_it_was_begun_with(pair_checkpoint, asks_a_model, tmp_path, what):
    suite, lm, _ = asks_a_model
    change, message = CHANGED[what]
    before = run(pair_checkpoint, tmp_path / "out", suite, limit=2, only=("attack",))
    change(lm)
    if message:
        with pytest.raises(AlumbenchError, match=f"entry attack: cannot resume, .* started: {message}.*another --out"):
            run(pair_checkpoint, tmp_path / "out", suite, limit=2, only=("attack",))
    else:
        again = run(pair_checkpoint, tmp_path / "out", suite, limit=2, only=("attack",))
        assert again["entries"] == before["entries"]


def test_an_evaluation_that_recorded_weights_alone_goes_on_and_stays_so(pair_checkpoint, asks_a_model, tmp_path):
    suite, lm, _ = asks_a_model
    run(pair_checkpoint, tmp_path / "out", suite, limit=2, only=("attack",))
    path = tmp_path / "out" / EVALUATION
    document = read_json(path)
    del document["entries"]["attack"]["models"]
    path.write_text(json.dumps(document))
    change_json(lm / "tokenizer.json", normalizer=None)
    again = run(pair_checkpoint, tmp_path / "out", suite, limit=2, only=("attack",))
    assert again["entries"] == document["entries"]
    rewrite(lm, with_value(0.5))
    with pytest.raises(AlumbenchError, match="cannot resume, changed since it was started: .*masked_lm:lm:.*; .*Give"):
        run(pair_checkpoint, tmp_path / "out", suite, limit=2, only=("attack",))


def test_checkpoints_that_were_attacked_with_different_models_are_not_compared(pair_checkpoint, asks_a_model, tmp_path):
    suite, lm, _ = asks_a_model
    run(pair_checkpoint, tmp_path / "a", suite, only=("attack",))
    change_json(lm / "config.json", layer_norm_eps=0.1)
    run(pair_checkpoint, tmp_path / "b", suite, only=("attack",))
    with pytest.raises(AlumbenchError, match=r"evaluated differently \(masked_lm: config.json: layer_norm_eps\)"):
        compare([tmp_path / "a", tmp_path / "b"])


def test_a_resource_that_is_a_model_is_identified_too(mirror):
    from alumbench.attacks import load_recipe
    from alumbench.attacks.resources import MINILM

    found = load_recipe("a2t-jia-minilm").model_identities()
    assert found == {"all-MiniLM-L6-v2": identity(find_model(MINILM))}
    assert load_recipe("deepwordbug-all-words").model_identities() == {}
