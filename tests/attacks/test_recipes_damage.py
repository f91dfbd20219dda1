"""Resources that are there and broken: an error at the start that names the file and the remedy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from alumbench.attacks import load_recipe
from alumbench.attacks.resources import MINILM, NEIGHBOURS, RESOURCES
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.cli import group
from alumbench.errors import AlumbenchError
from alumbench.models.auxiliary import masked_lm
from tests.attacks.tiny_lm import make_bert


def make(victim, name, parts=None):
    return load_recipe(name).make(VictimWrapper(victim), victim.task.columns, (), 10, parts or {})


@pytest.fixture
def other_mirror(mirror, nltk_data, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("ALUMBENCH_MIRROR", str(tmp_path))
    monkeypatch.setattr("nltk.data.path", [str(nltk_data.parent)])
    return tmp_path


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{ not json", "cannot be read as JSON"),
        (b"", "cannot be read as JSON"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b'["film", "movie"]', "is not what was published, lists of words by word"),
        (b'{"film": "movie"}', "is not what was published, lists of words by word"),
        (b'{"film": [1, 2]}', "is not what was published, lists of words by word"),
    ],
    ids=["torn", "empty", "bytes", "list", "strings", "numbers"],
)
def test_neighbour_lists(victim, other_mirror, content, says):
    path = other_mirror / NEIGHBOURS
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(AlumbenchError) as error:
        make(victim, "iga-jia")
    assert f"{path}: " in str(error.value) and says in str(error.value)
    assert "set ALUMBENCH_MIRROR" in str(error.value)
    path.write_text(json.dumps({"film": ["movie"]}))
    assert RESOURCES["counter-fitted-neighbours"].problem() == "", "mended, and read anew"


@pytest.mark.parametrize("keep", [0, 40, 0.5], ids=["empty", "head", "half"])
@pytest.mark.parametrize("place", ["corpora/stopwords", "corpora/wordnet", "taggers/averaged_perceptron_tagger_eng"])
def test_nltk_archives(victim, nltk_data, tmp_path, monkeypatch, place, keep):
    for folder in ("corpora", "taggers"):
        (tmp_path / folder).mkdir()
        for file in (nltk_data.parent / folder).glob("*.zip"):
            (tmp_path / folder / file.name).symlink_to(file)
    broken = tmp_path / f"{place}.zip"
    whole = broken.read_bytes()
    broken.unlink()
    broken.write_bytes(whole[: keep if isinstance(keep, int) else int(len(whole) * keep)])
    monkeypatch.setattr("nltk.data.path", [str(tmp_path)])
    name = place.rpartition("/")[2]
    recipe = {"stopwords": "pruthi", "wordnet": "leap"}.get(name, "hotflip-vocabulary")
    with pytest.raises(
        AlumbenchError, match=f"{name}: {broken}: is damaged .*remove it, then python -m nltk.downloader"
    ):
        make(victim, recipe)
    found = CliRunner().invoke(group, ["doctor"])
    assert f"missing: {broken}: is damaged" in found.output


def test_an_archive_with_a_damaged_middle(victim, nltk_data, tmp_path, monkeypatch):
    (tmp_path / "corpora").mkdir()
    content = bytearray((nltk_data / "stopwords.zip").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "corpora" / "stopwords.zip").write_bytes(content)
    monkeypatch.setattr("nltk.data.path", [str(tmp_path)])
    with pytest.raises(AlumbenchError, match="stopwords.zip: is damaged"):
        make(victim, "pruthi")


@pytest.fixture
def lm(tmp_path):
    return make_bert(tmp_path / "lm")


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def torn_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def pickled_weights(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def no_config(folder):
    (folder / "config.json").unlink()


def torn_config(folder):
    (folder / "config.json").write_text('{"model_type": ')


def no_tokenizer(folder):
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (no_weights, "no .safetensors file"),
        (torn_weights, "model.safetensors: not a complete safetensors file"),
        (pickled_weights, "is a pickle"),
        (no_config, "no config.json"),
        (torn_config, "cannot be read as JSON|cannot be loaded|tokenizer"),
        (no_tokenizer, "tokenizer"),
    ],
)
def test_masked_lms(victim, mirror, nltk_data, lm, damage, says):
    damage(lm)
    with pytest.raises(AlumbenchError, match=says) as error:
        make(victim, "bert-attack-local", {"masked_lm": str(lm)})
    assert str(lm) in str(error.value)


def test_a_classifier_is_no_masked_lm(victim, checkpoint, mirror, nltk_data):
    with pytest.raises(AlumbenchError, match="missing: cls.predictions.*no trained head for this"):
        make(victim, "bert-attack-local", {"masked_lm": str(checkpoint)})


def test_a_tokenizer_without_a_mask(lm):
    path = lm / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "mask_token": None}))
    (lm / "special_tokens_map.json").unlink(missing_ok=True)
    with pytest.raises(AlumbenchError, match="no mask token"):
        masked_lm(str(lm), "cpu")


def test_minilm(victim, mirror, other_mirror):
    (other_mirror / NEIGHBOURS).parent.mkdir(parents=True)
    shutil.copy(mirror / NEIGHBOURS, other_mirror / NEIGHBOURS)
    folder = other_mirror / "models" / MINILM
    folder.parent.mkdir(parents=True)
    shutil.copytree(mirror / "models" / MINILM, folder)
    torn_weights(folder)
    with pytest.raises(
        AlumbenchError, match=f"all-MiniLM-L6-v2: {folder}/model.safetensors: not a complete.*hf download"
    ):
        make(victim, "textbugger-jia-minilm")


def test_vectors(victim, tmp_path, nltk_data, monkeypatch):
    monkeypatch.setattr("nltk.data.path", [str(nltk_data.parent)])
    monkeypatch.setenv("TA_CACHE_DIR", str(tmp_path))
    folder = tmp_path / "word_embeddings" / "paragramcf"
    folder.mkdir(parents=True)
    np.save(folder / "nn.npy", np.zeros((2, 2), dtype=int))
    (folder / "paragram.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(
        AlumbenchError, match=f"{folder / 'paragram.npy'}: cannot be read.*remove it, then run once while online"
    ):
        make(victim, "iga")
    np.save(folder / "paragram.npy", np.zeros((2, 2)))
    with pytest.raises(AlumbenchError, match="lacks wordlist.pickle, mse_dist.p, cos_sim.p"):
        make(victim, "iga")


def test_doctor_looks_at_the_parts_of_a_suite(tmp_path, mirror, nltk_data, monkeypatch):
    suite = tmp_path / "own.toml"
    entry = '[[entry]]\nname = "{0}"\nkind = "attack"\nrecipe = "{0}@1"\n'
    suite.write_text(
        'name = "own"\nversion = 1\ntitle = "t"\n' + "".join(map(entry.format, ["seq2sick", "iga", "pwws"]))
    )
    found = CliRunner().invoke(group, ["doctor", "--suite", str(suite)])
    assert found.exit_code == 0, found.output
    assert "entry seq2sick: it needs a sequence-to-sequence model" in found.output
    assert "resource   wordnet" in found.output and "gpt2" not in found.output
    line = next(line for line in found.output.splitlines() if "counter-fitted-vectors" in line)
    assert "missing: run once while online: python -c" in line


def test_nothing_of_this_is_looked_up_on_a_network(monkeypatch, mirror):
    import socket

    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: pytest.fail(f"asked for {args}"))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for resource in RESOURCES.values():
        resource.is_present()
    assert load_recipe("bae-local").check_models({"masked_lm": "nobody/nothing"})
    assert Path(mirror).is_dir()
