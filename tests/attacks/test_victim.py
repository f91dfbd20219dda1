"""Scores come in the task's label order, whatever the batch and whatever the checkpoint's own order."""

from __future__ import annotations

import json
import shutil
from itertools import permutations

import pytest
import torch

from alumbench.attacks.victim import Victim
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.models.checkpoint import checkpoint_task, find_model, load_classifier, load_tokenizer
from tests.attacks.conftest import dev, open_victim

TEXTS = [("the film was good .",), ("bad",), ("word " * 300,), ("although people said it would be dull , fine",)]


def one_by_one(victim, texts):
    return torch.cat([victim.scores([row]) for row in texts])


@pytest.mark.parametrize("batch_size", [1, 2, 3, 64])
def test_padding_moves_no_score(checkpoint, batch_size):
    victim = open_victim(checkpoint, batch_size=batch_size)
    assert torch.allclose(victim.scores(TEXTS), one_by_one(victim, TEXTS), rtol=0, atol=1e-5)
    assert victim.scorer.traffic.scored == 2 * len(TEXTS)


def test_an_empty_text_is_scored(victim, pair_victim):
    assert victim.scores([("",)]).isfinite().all()
    assert torch.allclose(
        victim.scores([("",), ("the film was bad",)]), one_by_one(victim, [("",), ("the film was bad",)])
    )
    assert pair_victim.scores([("", "")]).isfinite().all()


def test_the_tiny_models_mark_where_a_text_begins_and_a_pair_parts(checkpoint, pair_checkpoint):
    """A classifier reads its first position: without marks that is a word, and a pair reads like one text."""
    encode = open_victim(pair_checkpoint).tokenizer
    assert encode.convert_ids_to_tokens(encode("dog", "cat")["input_ids"]) == ["[CLS]", "dog", "[SEP]", "cat", "[SEP]"]
    encode = open_victim(checkpoint).tokenizer
    assert encode.convert_ids_to_tokens(encode("film")["input_ids"]) == ["[CLS]", "film", "[SEP]"]


def test_scores_are_the_models_own_on_full_padding(pair_checkpoint):
    """The same pairs, padded to 64, through plain transformers."""
    victim = open_victim(pair_checkpoint)
    pairs = [example.texts for example in dev("mini-nli")[:12]]
    files = find_model(str(pair_checkpoint))
    model, tokenizer = load_classifier(files).eval(), load_tokenizer(files)
    columns = [list(column) for column in zip(*pairs, strict=True)]
    with torch.inference_mode():
        encoded = tokenizer(*columns, padding="max_length", max_length=64, truncation=True, return_tensors="pt")
        expected = model(**encoded).logits
    names = [model.config.id2label[i] for i in range(3)]
    expected = expected[:, [names.index(label) for label in victim.task.labels]]
    assert torch.allclose(victim.scores(pairs), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_every_order_of_the_checkpoints_labels_gives_the_same_scores(pair_checkpoint, tmp_path, order):
    """R8: the head's rows and their names permuted together."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "permuted"
    shutil.copytree(pair_checkpoint, folder)
    weights = load_file(folder / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = weights[name][list(order)].contiguous()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    names = [config["id2label"][str(old)] for old in order]
    config |= {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
    (folder / "config.json").write_text(json.dumps(config))
    pairs = [example.texts for example in dev("mini-nli")[:8]]
    plain, permuted = open_victim(pair_checkpoint), open_victim(folder)
    assert torch.allclose(permuted.scores(pairs), plain.scores(pairs), rtol=0, atol=1e-6)


def test_batches_of_like_length_hold_every_text_once(checkpoint):
    victim = open_victim(checkpoint, batch_size=7)
    texts = [example.texts for example in dev("mini-sentiment")[:40]]
    batches = victim.batches_by_length(texts)
    assert sorted(i for batch in batches for i in batch) == list(range(40))
    assert [len(batch) for batch in batches] == [7] * 5 + [5]
    lengths = [len(victim.tokenizer(texts[i][0])["input_ids"]) for batch in batches for i in batch]
    assert lengths == sorted(lengths)
    assert batches == victim.batches_by_length(texts)
    for batch, logits in victim.predictions(texts):
        assert torch.allclose(logits, one_by_one(victim, [texts[i] for i in batch]), rtol=0, atol=1e-5)


def test_nothing_to_score(checkpoint):
    victim = open_victim(checkpoint)
    assert victim.scores([]).shape == (0, 2)
    assert victim.batches_by_length([]) == [] and list(victim.predictions([])) == []
    assert victim.scorer.traffic.scored == 0


def test_dropout_is_off_and_scores_repeat(checkpoint):
    victim = open_victim(checkpoint)
    assert not any(module.training for module in victim.model.modules())
    assert torch.equal(victim.scores(TEXTS), victim.scores(TEXTS))


def test_wrapper_hands_over_logits_of_texts_and_pairs(victim, pair_victim):
    asked = []
    wrapper = VictimWrapper(victim, asked.append)
    assert torch.equal(wrapper(["the film was good ."]), victim.scores([("the film was good .",)]))
    assert asked == [[("the film was good .",)]]
    assert VictimWrapper(pair_victim)([("a", "b"), ("c", "d")]).shape == (2, 3)


def test_nameless_outputs_need_names(checkpoint, tmp_path):
    nameless = tmp_path / "nameless"
    shutil.copytree(checkpoint, nameless)
    config = json.loads((nameless / "config.json").read_text())
    del config["id2label"], config["label2id"]
    (nameless / "config.json").write_text(json.dumps(config))
    files = find_model(str(nameless))
    swapped = Victim(files, checkpoint_task(files), "cpu", labels=("positive", "negative"))
    named = Victim(find_model(str(checkpoint)), checkpoint_task(files), "cpu")
    assert torch.equal(swapped.scores(TEXTS), named.scores(TEXTS)[:, [1, 0]])
