"""TextAttack in a bare place: no NLTK data, no network, optional modules absent; each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PRELUDE = """
import json, os, socket, sys
attempts = []
def refuse(*args, **kwargs):
    attempts.append(repr(args)[:200])
    raise OSError("no network in this test")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
import importlib.machinery
real = importlib.machinery.PathFinder.find_spec
def find_spec(cls, name, path=None, target=None):
    absent = name.partition(".")[0] in os.environ["ABSENT"].split(",")
    return None if absent else real(name, path, target)
importlib.machinery.PathFinder.find_spec = classmethod(find_spec)
"""
PROBE = """
import nltk
download, before = nltk.download, dict(os.environ)
from alumbench.attacks.textattack.loader import load_textattack
from alumbench.errors import AlumbenchError
textattack = load_textattack()
import huggingface_hub.constants
from pathlib import Path
changed = [k for k in {*before, *os.environ} if before.get(k) != os.environ.get(k)]
facts = {
    "same_package": load_textattack() is textattack,
    "changed": changed,
    "hf_home": huggingface_hub.constants.HF_HOME,
    "cache": str(textattack.shared.utils.install.TEXTATTACK_CACHE_DIR),
    "download_restored": nltk.download is download,
    "stopwords_restored": type(nltk.corpus.stopwords).__name__,
    "imported": [m for m in ("flair", "bert_score", "jieba", "OpenHowNet", "tensorflow") if m in sys.modules],
    "finders": [type(f).__name__ for f in sys.meta_path],
}
from alumbench.attacks import load_recipe
from alumbench.attacks.search import Searcher
from alumbench.attacks.victim import Victim
from alumbench.models.checkpoint import checkpoint_task, find_model
from alumbench.data import Example
files = find_model(sys.argv[1])
victim = Victim(files, checkpoint_task(files), "cpu")
for name in ("deepwordbug", "pwws"):
    try:
        Searcher(load_recipe(name), victim, 1)
        facts[name] = "built"
    except AlumbenchError as error:
        facts[name] = str(error)
found = [Searcher(load_recipe("deepwordbug-all-words"), victim, 1).run(Example("1", ("the film was good .",), label))
         for label in victim.task.labels]
facts["outcomes"] = [one.outcome for one in found]
facts["queries"] = [one.queries for one in found]
def error_of(call):
    try:
        return f"no error: {call()!r}"
    except AlumbenchError as error:
        return str(error)
from textattack.augmentation import CharSwapAugmenter
facts["augmenter"] = error_of(lambda: CharSwapAugmenter().augment("a plain text here"))
"""
USES = """
text = textattack.shared.AttackedText("a plain text here")
from textattack.attack_results import attack_result
from textattack.goal_functions.text.maximize_levenshtein import levenshtein_distance
from textattack.loggers import file_logger
from textattack.constraints.grammaticality import LanguageTool
from textattack.constraints.semantics import BERTScore
from textattack.transformations.word_swaps import word_swap_change_number as numbers
from textattack.transformations.word_swaps.chn_transformations import chinese_homophone_character_swap as homophones
from textattack.transformations.word_swaps.chn_transformations import chinese_word_swap_hownet as hownet
from textattack.transformations.word_swaps.word_swap_inflections import WordSwapInflections
import textattack.shared.utils.strings as strings
facts["uses"] = {
    "flair": error_of(lambda: text.pos_of_word_index(0)),
    "language_tool_python": error_of(lambda: LanguageTool()._check_constraint(text, text)),
    "bert_score": error_of(lambda: BERTScore(min_bert_score=0.8)),
    "num2words": error_of(lambda: numbers.num2words(2)),
    "word2number": error_of(lambda: numbers.w2n.word_to_num("two")),
    "jieba": error_of(lambda: strings.jieba.cut("x")),
    "pinyin": error_of(lambda: homophones.pinyin.get("x")),
    "OpenHowNet": error_of(lambda: hownet.OpenHowNet.HowNetDict()),
    "lemminflect": error_of(lambda: WordSwapInflections()._get_replacement_words("runs", "VERB")),
    "Levenshtein": error_of(lambda: levenshtein_distance("a", "b")),
    "langdetect": error_of(lambda: attack_result.detect("a")),
    "terminaltables": error_of(lambda: file_logger.terminaltables.AsciiTable([])),
}
"""
REPORT = "\nfacts['attempts'] = attempts\nprint('FACTS' + json.dumps(facts))\n"
OPTIONAL = (
    "flair,jieba,bert_score,language_tool_python,OpenHowNet,pinyin,word2number,num2words,lemminflect,"
    "Levenshtein,langdetect,terminaltables,stanza,tensorflow,tensorflow_hub,sentence_transformers,gensim"
)


def probe(checkpoint: Path, home: Path, code: str, absent: str = "", **variables: str) -> dict:
    dropped = {"TA_CACHE_DIR", "HF_HOME", "XDG_CACHE_HOME", "ALUMBENCH_MIRROR", "TFHUB_CACHE_DIR", "WANDB_SILENT"}
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    home.mkdir(exist_ok=True)
    (home / "nltk").mkdir()
    environment |= {"HOME": str(home), "NLTK_DATA": str(home / "nltk"), "ABSENT": absent} | variables
    command = [sys.executable, "-c", PRELUDE + code + REPORT, str(checkpoint)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, cwd=home)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.rpartition("FACTS")[2])


@pytest.mark.parametrize("set_cache", [False, True], ids=["plain", "TA_CACHE_DIR"])
def test_textattack_without_data_and_network(checkpoint, tmp_path, set_cache):
    home = tmp_path / "home"
    kept = {"TA_CACHE_DIR": str(tmp_path / "ta"), "HF_HOME": str(tmp_path / "hf")} if set_cache else {}
    facts = probe(checkpoint, home, PROBE, **kept)
    assert facts["same_package"] and facts["download_restored"]
    assert facts["stopwords_restored"] != "SimpleNamespace" and "_StandInFinder" not in facts["finders"]
    assert facts["changed"] == [] and facts["imported"] == [] and facts["attempts"] == []
    assert facts["hf_home"] == kept.get("HF_HOME", f"{home}/.cache/huggingface")
    assert facts["cache"] == kept.get("TA_CACHE_DIR", f"{home}/.cache/textattack")
    assert not (home / ".cache" / "textattack").exists() and not (tmp_path / "ta").exists()
    assert not list(home.rglob("post_install_check*")) and not list((home / "nltk").iterdir())
    assert "recipe deepwordbug needs stopwords: python -m nltk.downloader stopwords" in facts["deepwordbug"]
    assert "python -m nltk.downloader wordnet" in facts["pwws"]
    assert sorted(facts["outcomes"])[0] == "already_wrong" and set(facts["outcomes"]) & {"robust", "broken"}
    assert min(facts["queries"]) == 1 < max(facts["queries"])
    assert "NLTK's stopwords are missing: python -m nltk.downloader stopwords" in facts["augmenter"]


def test_optional_modules_may_be_absent(checkpoint, tmp_path):
    facts = probe(checkpoint, tmp_path / "home", PROBE + USES, absent=OPTIONAL)
    assert set(facts["outcomes"]) & {"robust", "broken"}
    assert facts["imported"] == [] and facts["attempts"] == []
    for package, error in facts["uses"].items():
        assert f"{package}" in error and "cannot be imported" in error, (package, error)
        assert f"pip install {package.replace('_', '-')}" in error
    assert len(facts["uses"]) == 12
