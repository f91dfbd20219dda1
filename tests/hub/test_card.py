"""Model cards and `.eval_results`, read back with huggingface_hub's classes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import yaml
from huggingface_hub import ModelCard

from alumbench.cli.attack import attack
from alumbench.cli.options import key_values
from alumbench.cli.train import train
from alumbench.errors import AlumbenchError
from alumbench.hub.eval_results import FILE, to_yaml
from alumbench.hub.metadata import Given
from alumbench.hub.model_card import MARK, write_card
from alumbench.models.checkpoint import find_model
from tests.hub.conftest import EVALUATION, HUB
from tests.leaderboard.test_inert import PAYLOADS

Change = Callable[..., None]
NOTHING = Given()


def _document(checkpoint: Path) -> dict[str, Any]:
    return json.loads((checkpoint / EVALUATION).read_text())  # type: ignore[no-any-return]


def _measures(checkpoint: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """All measures with a number, by entry and name, from `evaluation.json` itself."""
    return {
        (name, measure): figure
        for name, entry in _document(checkpoint)["entries"].items()
        for measure, figure in {
            **entry["summary"]["measures"],
            **(entry["summary"].get("validity") or {}).get("measures", {}),
        }.items()
        if figure["value"] is not None
    }


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


@pytest.mark.usefixtures("on_hub")
def test_the_front_matter_reads_back_as_the_figures(checkpoint: Path) -> None:
    given = Given("my pairs", "apache-2.0", "owner/base", "https://example.org/board")
    written = write_card(checkpoint, given)
    data = ModelCard.load(written.card).data
    assert (data.license, data.base_model, data.library_name) == ("apache-2.0", "owner/base", "transformers")
    assert data.pipeline_tag == "text-classification" and data.model_name == "my pairs"
    assert "alumbench" in data.tags and "adversarial-training" not in data.tags, "its method is standard"
    figures = _measures(checkpoint)
    assert {("clean", "accuracy"), ("attack", "accuracy_under_attack"), ("attack", "attack_success_rate")} <= set(
        figures
    )
    assert len(data.eval_results) == len(figures) == written.figures
    for result in data.eval_results:
        figure = figures[result.metric_args["entry"], result.metric_type]
        assert result.metric_value == pytest.approx(figure["value"], abs=1e-6)
        assert result.metric_args["n"] == figure["n"]
        assert result.metric_args["wilson_95"] == pytest.approx([figure["low"], figure["high"]], abs=1e-6)
        assert (
            result.metric_args["signature"]
            == _document(checkpoint)["entries"][result.metric_args["entry"]]["signature"]
        )
        assert (result.dataset_type, result.dataset_config) == ("owner/pairs", "small")
        assert (result.dataset_split, result.dataset_revision) == ("validation", "c" * 40)
        assert result.source_url == "https://example.org/board"
    assert len({result.metric_name for result in data.eval_results}) == len(figures), "told apart by name alone"
    accuracies = [result.metric_args["entry"] for result in data.eval_results if result.metric_type == "accuracy"]
    assert accuracies == ["clean", "adversarial"], "nothing under attack goes by the name of accuracy"


def test_the_table_holds_every_figure_with_n_and_interval(checkpoint: Path) -> None:
    text = write_card(checkpoint, NOTHING).card.read_text()
    rows = {(row[0], row[1]): row[2:] for row in _rows(text)}
    figures = _measures(checkpoint)
    assert len(rows) == len(figures)
    figure = figures["attack", "attack_success_rate"]
    value, interval, n = rows["attack", "attack success rate"]
    assert (value, n) == (f"{100 * figure['value']:.1f}", str(figure["n"]))
    assert interval == f"{100 * figure['low']:.1f}–{100 * figure['high']:.1f}"
    for entry in _document(checkpoint)["entries"].values():
        assert f"`{entry['signature']}`" in text
    assert "fewer-than-two-attacks" in text, "flags are told"


def test_the_history_is_told_with_hashes_and_overlap(checkpoint: Path) -> None:
    text = write_card(checkpoint, NOTHING).card.read_text()
    record = json.loads((checkpoint / "training.json").read_text())
    for told in (
        record["data"]["train"]["sha256"],
        record["data"]["dev"]["sha256"],
        record["model"]["weights_sha256"],
        find_model(str(checkpoint)).weights_sha256(),
        f"{record['data']['shared_by_train_and_dev']:,} training examples also occur",
        f"training seed {record['training_seed']}",
        "`premise`" if "premise" in record["task"]["labels"] else "`entailment`",
    ):
        assert told in text, told


def test_its_commands_ask_for_the_same_again(checkpoint: Path, change: Change) -> None:
    """What the card says to type is parsed by the commands themselves into what the record has."""

    def alum(record: dict[str, Any]) -> None:
        record["method"] = {"name": "alum", "parameters": {"alpha": 2.0, "relative": True, "norm": "linf"}}
        record["settings"] |= {"label_noise": 0.2, "augmentation": {"typos": 0.3, "dropped": 0.1, "texts": 0.8}}

    change("training.json", alum)
    text = write_card(checkpoint, NOTHING).card.read_text()
    commands = [shlex.split(line) for line in text.splitlines() if line.startswith("alumbench ")]
    assert [command[1] for command in commands] == ["train", "attack", "verify"]
    options = train.make_context("train", commands[0][2:]).params
    record = json.loads((checkpoint / "training.json").read_text())
    assert key_values(options["set"], "--set") == record["method"]["parameters"]
    for name in ("epochs", "batch_size", "lr", "max_length", "precision", "train_size", "held_out"):
        assert options[name] == record["settings"][name], name
    told = [options[name] for name in ("label_noise", "typos", "drop_words", "augmented_texts")]
    assert told == [0.2, 0.3, 0.1, 0.8]
    assert (options["task"], options["training_seed"]) == (record["task"]["name"], record["training_seed"])
    assert attack.make_context("attack", commands[1][2:]).params["suite_name"] == "small"


def test_the_same_checkpoint_gives_the_same_bytes(checkpoint: Path) -> None:
    first = write_card(checkpoint, NOTHING).card.read_bytes()
    assert write_card(checkpoint, NOTHING).card.read_bytes() == first


def test_a_card_of_somebody_elses_is_kept(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "README.md").write_text("my words\n")
    with pytest.raises(AlumbenchError, match="--force"):
        write_card(checkpoint, NOTHING)
    assert (checkpoint / "README.md").read_text() == "my words\n" and not (checkpoint / FILE).exists()
    assert write_card(checkpoint, NOTHING, out=tmp_path / "beside").card == tmp_path / "beside/README.md"
    assert MARK in write_card(checkpoint, NOTHING, force=True).card.read_text()
    text = (checkpoint / "README.md").read_text()
    (checkpoint / "README.md").write_text(text.replace(MARK + "\n", ""))
    with pytest.raises(AlumbenchError, match="--force"):
        write_card(checkpoint, NOTHING)


def test_figures_of_other_weights_are_refused(checkpoint: Path, change: Change) -> None:
    change(EVALUATION, lambda document: document["identity"].update(model="0" * 64))
    with pytest.raises(AlumbenchError, match="other weights.*alumbench attack"):
        write_card(checkpoint, NOTHING)


@pytest.mark.usefixtures("on_hub")
def test_a_figure_without_a_number_is_left_out_with_its_reason(checkpoint: Path, change: Change) -> None:
    """R17."""

    def edit(document: dict[str, Any]) -> None:
        nothing = {"value": None, "reason": "no example was right at first", "n": 0}
        document["entries"]["attack"]["summary"]["measures"]["attack_success_rate"] = nothing
        document["entries"]["adversarial"]["complete"] = False

    before = write_card(checkpoint, NOTHING)
    change(EVALUATION, edit)
    written = write_card(checkpoint, NOTHING)
    text = written.card.read_text()
    assert written.left_out == before.left_out + 1 and written.figures == before.figures - 2
    assert "attack success rate (attack): no example was right at first" in text
    assert "small-seed1, adversarial: not finished" in text
    assert "attack_success_rate" not in {
        result.metric_type for result in ModelCard.load(written.card).data.eval_results
    }
    assert not re.search(r"\bnan\b|\binf\b", text, re.IGNORECASE)
    results = yaml.safe_load((checkpoint / FILE).read_text())
    told = {result["dataset"]["task_id"] for result in results}
    assert told >= {"small", "small.attack.clean_accuracy", "small.attack.accuracy_under_attack"}
    assert not told & {"small.attack.attack_success_rate", "small.adversarial.accuracy"}


def test_cut_evaluations_are_named_and_not_shown(checkpoint: Path, change: Change) -> None:
    change(EVALUATION, lambda document: document["identity"].update(limit=5))
    text = write_card(checkpoint, NOTHING).card.read_text()
    assert "Not evaluated yet" in text and "small-seed1: cut" in text and not _rows(text)


@pytest.mark.usefixtures("on_hub")
def test_eval_results_hold_the_figures_and_their_intervals(checkpoint: Path) -> None:
    write_card(checkpoint, Given(source="https://example.org/board"))
    results = yaml.safe_load((checkpoint / FILE).read_text())
    figures = _measures(checkpoint)
    assert len(results) == len(figures)
    clean = next(result for result in results if result["dataset"]["task_id"] == "small")
    assert clean["dataset"] == {"id": "owner/pairs", "task_id": "small", "revision": HUB["revision"]}
    figure = figures["clean", "accuracy"]
    assert clean["value"] == pytest.approx(figure["value"], abs=1e-6)
    assert f"n={figure['n']}; Wilson 95% interval [{figure['low']:.4f}, {figure['high']:.4f}]" in clean["notes"]
    assert clean["date"] == _document(checkpoint)["begun"]
    assert clean["source"] == {"url": "https://example.org/board", "name": "alumbench"}
    assert len({result["dataset"]["task_id"] for result in results}) == len(results)


def test_what_is_on_no_hub_is_told_in_the_card_alone(checkpoint: Path) -> None:
    (checkpoint / FILE.parent).mkdir()
    (checkpoint / FILE).write_text("[]")
    written = write_card(checkpoint, NOTHING)
    assert written.eval_results is None and not (checkpoint / FILE).exists(), "an outdated file of ours is taken away"
    assert "not from a data set on the hub: adversarial, attack, clean" in written.card.read_text()


FIELDS = {"dataset_id": "a/b", "task_id": "c", "value": 0.5, "date": "2026-01-01T00:00:00Z", "notes": "n=2"}
MORE = FIELDS | {"dataset_revision": "d" * 40, "source_url": "https://example.org", "source_name": "alumbench"}
ROUND_TRIP = """
import json, sys
from huggingface_hub import eval_result_entries_to_yaml, parse_eval_result_entries
data = json.loads(sys.argv[1])
entries = parse_eval_result_entries(data)
print(json.dumps([eval_result_entries_to_yaml(entries), [vars(entry) for entry in entries]]))
"""


@pytest.mark.parametrize("fields", [FIELDS, MORE], ids=["least", "all"])
def test_our_fields_are_those_of_the_hubs_class(ecosystem: Callable[..., str], fields: dict[str, Any]) -> None:
    """With huggingface_hub 1.4 or later, whichever interpreter has it."""
    items = to_yaml([fields])
    if hasattr(huggingface_hub, "EvalResultEntry"):
        entries = huggingface_hub.parse_eval_result_entries(items)
        again, read = huggingface_hub.eval_result_entries_to_yaml(entries), [vars(entry) for entry in entries]
    else:
        needs = "from huggingface_hub import EvalResultEntry"
        again, read = json.loads(ecosystem(needs, ROUND_TRIP, json.dumps(items)))
    assert again == items
    assert {name: value for name, value in read[0].items() if value is not None} == fields


@pytest.mark.usefixtures("on_hub")
@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_hostile_names_labels_and_notes_change_nothing(checkpoint: Path, change: Change, payload: str) -> None:
    """R15: in YAML, in the table and in the text."""

    def training(record: dict[str, Any]) -> None:
        record["model"]["name"] = record["method"]["name"] = record["device"] = payload
        record["task"] |= {"name": payload, "title": payload, "note": payload, "labels": [payload, "b", "c"]}
        record["task"]["train"][0]["hub"] = record["data"]["train"]["sources"][0]["rows"] = payload
        record["method"]["parameters"] = {payload: payload}

    def evaluation(document: dict[str, Any]) -> None:
        entry = document["entries"].pop("attack")
        document["entries"][payload] = entry | {"signature": payload}
        document["flags"] = [{"flag": payload, "entry": payload, "detail": payload}]
        document["entries"]["adversarial"]["summary"]["groups"] = {
            payload: entry["summary"]["measures"]["clean_accuracy"]
        }

    change("training.json", training)
    change(EVALUATION, evaluation)
    written = write_card(checkpoint, Given(name=payload))
    text = written.card.read_text()
    body = text.split(MARK)[1]
    assert {len(row) for row in _rows(body)} == {5}
    data = ModelCard.load(written.card).data
    assert len(data.eval_results) == written.figures
    assert set(yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))) <= {
        *("base_model", "datasets", "library_name", "metrics", "pipeline_tag", "tags", "model-index"),
    }
    assert len(yaml.safe_load((checkpoint / FILE).read_text())) == written.figures >= 6
    plain = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", body)
    assert not re.search(r"<|(?<!\\)\]\(|://", plain), plain


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"license": "my own licence"}, "--license apache-2.0"),
        ({"base_model": "base"}, "OWNER/NAME"),
        ({"source": "javascript:alert(1)"}, "http or https"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_given_is_checked(given: dict[str, str], message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        Given(**given)


def test_a_base_model_is_named_where_it_is_known_to_be_on_the_hub(checkpoint: Path, change: Change) -> None:
    def named(name: str, revision: str) -> object:
        change("training.json", lambda record: record["model"].update(name=name, revision=revision))
        return ModelCard.load(write_card(checkpoint, NOTHING).card).data.base_model

    assert named("owner/base@main", "a" * 40) == "owner/base"
    assert named("runs/pretrained", "") is None, "a folder that looks like a hub id"
    assert "/somebody/" not in (named("/home/somebody/base", ""), (checkpoint / "README.md").read_text())[1]


def test_a_pretrained_checkpoint_has_a_card_too(checkpoint: Path) -> None:
    (checkpoint / "training.json").unlink()
    record = {
        "task": "masked-lm",
        "model": {"family": "bert", "layers": 2, "hidden": 32, "heads": 2},
        "method": {"name": "alum", "parameters": {"alpha": 10.0}},
        "seed": 3,
        "settings": {"lr": 1e-3, "trainer": {}},
        "corpus": {
            "sources": [{"from": "file", "path": "/home/somebody/text.txt", "sha256": "e" * 64}],
            **{"block_length": 24, "blocks": 9, "tokens": 216, "sha256": "f" * 64, "train_blocks": 8, "dev_blocks": 1},
        },
        "seconds": 1.0,
        "device": "cpu",
        "versions": {"alumbench": "0.1.0"},
    }
    (checkpoint / "pretraining.json").write_text(json.dumps(record))
    (checkpoint / EVALUATION).unlink()
    written = write_card(checkpoint, NOTHING)
    assert ModelCard.load(written.card).data.pipeline_tag == "fill-mask"
    text = written.card.read_text()
    assert "f" * 64 in text and "random weights" in text and "/home/somebody" not in text
    (checkpoint / "pretraining.json").unlink()
    with pytest.raises(AlumbenchError, match=r"no training\.json"):
        write_card(checkpoint, NOTHING)
