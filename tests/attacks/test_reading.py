"""However a checkpoint is filled up and numbered, a text is answered as plain transformers answers it alone."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from alumbench.attacks.gradient import Gradient
from alumbench.attacks.victim import Victim
from alumbench.data import load_task
from alumbench.engine.scheduler import query_model
from alumbench.engine.scorer import Scorer
from alumbench.engine.token_rows import TokenizedText
from alumbench.models.checkpoint import find_model
from tests.attacks.readers import READERS, TEXTS, Reader

#: Texts that end in, hold or are nothing but what fills texts up.
ODD = ["the film</s>", "good <pad> bad", "fine<pad>", "dull<unk>", "</s></s>", "<pad>", "…", " "]


def victim_of(reader: Reader, folder, **kwargs) -> Victim:
    return Victim(find_model(str(reader.write(folder))), load_task("mini-sentiment"), "cpu", **kwargs)


def alone(folder, texts) -> torch.Tensor:
    """Each text by itself, unpadded, by nothing but transformers."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    found = []
    for text in texts:
        encoded = tokenizer(text, return_tensors="pt")
        if model.config.model_type == "distilbert" or getattr(model.config, "type_vocab_size", 2) == 1:
            encoded.pop("token_type_ids", None)
        with torch.inference_mode():
            found.append(model(**encoded).logits[0])
    return torch.stack(found)


@pytest.mark.parametrize("scoring", ["fixed", "fast"])
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_text_is_answered_as_it_is_alone(reader, scoring, tmp_path):
    victim = victim_of(reader, tmp_path, scorer=Scorer(scoring))
    texts = [*TEXTS, *ODD]
    found, expected = victim.scores([(text,) for text in texts]), alone(tmp_path, texts)
    assert len({tuple(row.ids) for row in victim.rows([(text,) for text in texts])}) > 20
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4), (found - expected).abs().amax(-1)
    assert torch.equal(found.argmax(-1), expected.argmax(-1))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_so_are_a_batch_for_embedding_attacks_and_a_gradient(reader, tmp_path):
    victim = victim_of(reader, tmp_path)
    odd = ["the film</s>"] if reader.type != "t5" else []  # which takes as many ends in all texts of a batch
    texts = [(text,) for text in [*TEXTS[:6], *odd]]
    with torch.no_grad():
        together = victim.in_task_order(victim.model(**victim.encode(texts)).logits)
    assert torch.allclose(together, victim.scores(texts), rtol=1e-4, atol=1e-4)
    rows = victim.rows(texts)
    for row, gradient in zip(rows, query_model(Gradient(victim), rows, Scorer("fixed")), strict=True):
        (single,) = query_model(Gradient(victim), [row], Scorer("fast"))
        assert gradient.shape == single.shape  # rounding follows the largest components; T5 does not scale its products
        assert torch.allclose(gradient, single, rtol=0, atol=1e-3 * float(single.abs().max()))


def test_what_fills_texts_up_is_said_where_it_is_their_end(tmp_path):
    by_name = {reader.name: reader for reader in READERS}
    said = victim_of(by_name["gpt2-nopad"], tmp_path / "a").reading()
    assert said["padding"] == "</s>" and "end-of-text token </s> is used" in said["notes"][0]
    assert victim_of(by_name["llama"], tmp_path / "b").reading()["notes"] == []


def test_a_pair_for_a_model_that_knows_one_type(tmp_path):
    reader = next(reader for reader in READERS if reader.name == "bert-one-type")
    victim = victim_of(reader, tmp_path)
    assert victim.rows([("the film",)]) == [TokenizedText(victim.rows([("the film",)])[0].ids)]
    rows = victim.rows([("the film", "was good")])
    assert rows[0].types == () and query_model(victim, rows, victim.scorer)[0].isfinite().all()


LENGTHS = {
    "bert": 64,
    "roberta": 62,
    "distilbert": 512,
    "gpt2-left": 64,
    "opt-left": 64,
    "mistral": 64,
    "modernbert": 64,
    "deberta-v2": None,
    "xlnet": None,
    "t5": None,
}


@pytest.mark.parametrize("name", LENGTHS)
def test_a_model_reads_as_much_as_it_can(name, tmp_path):
    victim = victim_of(next(reader for reader in READERS if reader.name == name), tmp_path)
    assert victim.longest == LENGTHS[name]
    long = [("good film " * 700,)]
    (row,) = victim.rows(long)
    assert len(row.ids) == (LENGTHS[name] or len(victim.tokenizer(long[0][0])["input_ids"]))
    assert victim.scores([*long, ("good",)]).isfinite().all()
    assert victim.cut([*long, ("good",)]) == [LENGTHS[name] is not None, False]
