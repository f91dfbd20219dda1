"""Learned vocabularies: the merges and the longest match walked by hand, the same at every call, and their limits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer

from alumbench.data import miniature
from alumbench.errors import AlumbenchError
from alumbench.pretraining.tokenizer import SPECIAL, learn_tokenizer, load_learned

SIZES = {"bpe": 420, "word-piece": 220}
WORDS = ["birthday", "birth", "day", "thirty", "brilliant", "film", "holiday", "brightest", "dullness", "x", "q7"]


def texts() -> list[str]:
    """Sentences with a family of words around `birthday`."""
    more = ["her birthday is a holiday", "the birth of a bird", "the third day", "birthdays on thirty days", "a birth"]
    return miniature.rows("sentiment/train")["sentence"][:600] + more * 4


@pytest.fixture(scope="module", params=SIZES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tokenizer") / kind
    learn_tokenizer(kind, texts(), SIZES[kind], max_length=77).save_pretrained(out)
    return out


def merged(word: str, merges: list[list[str]]) -> list[str]:
    """The pieces of a word: of all neighbours the pair that was learned first is joined, until none was learned."""
    ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
    pieces = list(word)
    while True:
        pairs = [pair for pair in zip(pieces, pieces[1:], strict=False) if pair in ranks]
        if not pairs:
            return pieces
        first, joined, at = min(pairs, key=ranks.__getitem__), [], 0
        while at < len(pieces):
            step = 2 if tuple(pieces[at : at + 2]) == first else 1
            joined.append("".join(pieces[at : at + step]))
            at += step
        pieces = joined


def longest_matches(word: str, vocabulary: dict[str, int]) -> list[str]:
    """The pieces of a word: from the left, each the longest that the vocabulary has."""
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        end = next((end for end in range(len(word), start, -1) if prefix + word[start:end] in vocabulary), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


@pytest.mark.parametrize("word", WORDS)
def test_byte_pairs_are_merged_in_the_order_they_were_learned(word: str) -> None:
    tokenizer = learn_tokenizer("bpe", texts(), SIZES["bpe"])
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    assert len(merges) == SIZES["bpe"] - 256 - 5
    assert tokenizer.tokenize(word) == merged(word, merges)
    assert tokenizer.tokenize(f"a {word}")[1:] == merged(f"Ġ{word}", merges)


@pytest.mark.parametrize("word", WORDS)
def test_word_pieces_are_the_longest_matches(word: str) -> None:
    tokenizer = learn_tokenizer("word-piece", texts(), SIZES["word-piece"])
    assert tokenizer.tokenize(word) == longest_matches(word, tokenizer.get_vocab())


def test_birthday_is_more_than_letters_and_less_than_known(kind: str, folder: Path) -> None:
    pieces = load_learned(folder).tokenize("birthdays")
    assert 1 < len(pieces) < len("birthdays"), "or the walks above would walk nothing"
    assert "".join(piece.removeprefix("##") for piece in pieces) == "birthdays"


def test_the_same_texts_give_the_same_files_at_every_call(kind: str, folder: Path, tmp_path: Path) -> None:
    for name in ("again", "turned"):
        turned = texts()[:: -1 if name == "turned" else 1]
        learn_tokenizer(kind, turned, SIZES[kind], max_length=77).save_pretrained(tmp_path / name)
        for file in folder.iterdir():
            assert (tmp_path / name / file.name).read_bytes() == file.read_bytes(), (name, file.name)


def test_word_pieces_are_those_of_the_library_but_for_its_ties() -> None:
    special = [*SPECIAL["word-piece"].values()]
    library = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    library.normalizer, library.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    asked = {"vocab_size": 150, "special_tokens": special, "min_frequency": 2, "show_progress": False}
    library.train_from_iterator(texts(), trainers.WordPieceTrainer(**asked))
    ours, theirs = {*learn_tokenizer("word-piece", texts(), 150).get_vocab()}, {*library.get_vocab()}
    assert len(ours & theirs) >= 147


def test_the_folder_is_one_for_auto_tokenizer(kind: str, folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    special = SPECIAL[kind]
    assert len(tokenizer) == SIZES[kind]
    assert tokenizer.model_max_length == 77
    assert {name: getattr(tokenizer, name) for name in special} == special
    assert tokenizer.convert_ids_to_tokens(range(5)) == [*special.values()]
    one = tokenizer.convert_ids_to_tokens(tokenizer("A Film").input_ids)
    assert (one[0], one[-1]) == (special["cls_token"], special["sep_token"])
    pair = tokenizer("a film", "a play")
    seps = [token for token in tokenizer.convert_ids_to_tokens(pair["input_ids"]) if token == special["sep_token"]]
    assert len(seps) == (3 if kind == "bpe" else 2)
    assert ("token_type_ids" in pair) is (kind == "word-piece")
    if kind == "word-piece":
        assert set(pair["token_type_ids"]) == {0, 1}
    assert tokenizer.decode(tokenizer("The Film was GOOD").input_ids, skip_special_tokens=True) == "the film was good"
    assert tokenizer(f"a {special['mask_token']} film").input_ids.count(tokenizer.mask_token_id) == 1
    assert len(tokenizer("a film " * 100, truncation=True).input_ids) == 77


def test_case_is_kept_where_that_is_asked(kind: str) -> None:
    tokenizer = learn_tokenizer(
        kind, ["Ada met Bob", "Bob met Ada"] * 9, 270 if kind == "bpe" else 21, lower_case=False
    )
    assert tokenizer.decode(tokenizer("Ada met Bob").input_ids, skip_special_tokens=True) == "Ada met Bob"


def test_the_size_is_what_was_asked_from_the_alphabet_up(kind: str) -> None:
    with pytest.raises(AlumbenchError, match=r"--vocab-size 9: .* alone are \d+ pieces; give --vocab-size") as error:
        learn_tokenizer(kind, texts(), 9)
    least = int(str(error.value).split("alone are ")[1].split()[0])
    assert len(learn_tokenizer(kind, texts(), least)) == least
    with pytest.raises(AlumbenchError, match=f"give --vocab-size {least} or more"):
        learn_tokenizer(kind, texts(), least - 1)


def test_a_size_that_the_text_does_not_give_names_the_one_it_gives(kind: str) -> None:
    with pytest.raises(
        AlumbenchError, match=r"at most \d+ pieces that were seen 2 times; .* or --min-count 1"
    ) as error:
        learn_tokenizer(kind, texts(), 50_000)
    most = int(str(error.value).split("at most ")[1].split()[0])
    assert len(learn_tokenizer(kind, texts(), most)) == most
    with pytest.raises(AlumbenchError, match="at most"):
        learn_tokenizer(kind, texts(), most + 1)


def test_rare_letters_are_left_out_by_count_and_become_unknown() -> None:
    tokenizer = learn_tokenizer("word-piece", ["abab abab baba zy"] * 3, 13, letters=2)
    assert {piece for piece in tokenizer.get_vocab() if len(piece) == 1} == {"a", "b"}
    assert tokenizer.tokenize("zebra ab") == ["[UNK]", *longest_matches("ab", tokenizer.get_vocab())]


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(AlumbenchError, match="unknown kind of tokenizer 'word-pieces'. Did you mean 'word-piece'"):
        learn_tokenizer("word-pieces", texts(), 100)
    with pytest.raises(AlumbenchError, match="no text to learn"):
        learn_tokenizer("word-piece", ["", "  "], 100)
    with pytest.raises(AlumbenchError, match="alumbench tokenizer learn --out nowhere"):
        load_learned(Path("nowhere"))
