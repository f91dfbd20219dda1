"""Vocabularies learned from text: byte-level byte-pair and word-piece, the same at every call.

The `tokenizers` library learns both. Its byte-pair learner is deterministic; its word-piece learner is not: it numbers
the letters inside words ("##a") in hash-map order, and breaks ties between pairs by those numbers. Equal texts then
give different ids at every call, and sometimes different pieces. Here that learner gets these letters first, in sorted
order, so that no tie is broken by chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alumbench.errors import AlumbenchError, unknown

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

#: The special tokens of each kind by their names in `transformers`, in order of their ids.
SPECIAL = {
    "bpe": {
        "cls_token": "<s>",
        "pad_token": "<pad>",
        "sep_token": "</s>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    },
    "word-piece": {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    },
}
INSIDE = "##"


def learn_tokenizer(
    kind: str,
    texts: Iterable[str],
    size: int,
    *,
    lower_case: bool = True,
    max_length: int = 512,
    min_count: int = 2,
    letters: int = 1000,
) -> PreTrainedTokenizerFast:
    """Learns a vocabulary of exactly `size` pieces, special tokens included.

    Args:
        kind: `bpe` (byte-level, as RoBERTa's) or `word-piece` (as BERT's).
        texts: texts to learn from; read up to three times, so not an iterator.
        size: pieces in the vocabulary.
        lower_case: whether texts are lower-cased (and for word pieces stripped of accents) first.
        max_length: `model_max_length`, in tokens.
        min_count: how often two pieces must occur together to be merged.
        letters: for word pieces, number of the most frequent characters that are kept; others become [UNK].

    Returns:
        The tokenizer; `save_pretrained` writes the folder that `AutoTokenizer` and `alumbench pretrain` read.

    Raises:
        AlumbenchError: The kind is unknown, or the texts allow no vocabulary of that size; the possible size is given.
    """
    if kind not in SPECIAL:
        raise unknown("kind of tokenizer", kind, SPECIAL)
    tokenizer = (
        _byte_pairs(texts, size, lower_case, min_count)
        if kind == "bpe"
        else _word_pieces(texts, size, lower_case, min_count, letters)
    )
    return _finished(kind, tokenizer, max_length)


def load_learned(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer in a folder.

    Raises:
        AlumbenchError: The folder holds no tokenizer.
    """
    from transformers import AutoTokenizer

    if not (folder / "tokenizer_config.json").is_file():
        raise AlumbenchError(
            f"{folder}: no tokenizer_config.json, so it holds no tokenizer; "
            f"make one with 'alumbench tokenizer learn --out {folder}'"
        )
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # `tokenizers` raises plain exceptions
        raise AlumbenchError(f"{folder}: the tokenizer cannot be loaded: {str(error)[:300]}") from error


def _byte_pairs(texts: Iterable[str], size: int, lower_case: bool, min_count: int) -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.BPE())
    if lower_case:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return _train(tokenizer, texts, size, [*SPECIAL["bpe"].values()], min_count, alphabet)


def _word_pieces(texts: Iterable[str], size: int, lower_case: bool, min_count: int, letters: int) -> Tokenizer:
    """Pairs of letters with `##` inside words: like the library's word-piece learner, but deterministic."""
    from tokenizers import Tokenizer, models

    special = [*SPECIAL["word-piece"].values()]
    counts: Counter[str] = Counter()
    normalizer = _word_tokenizer(lower_case).normalizer
    for text in texts:
        counts.update(normalizer.normalize_str(text))
    for blank in [letter for letter in counts if letter.isspace()]:
        del counts[blank]
    # By count, then by code point: the library's own limit also breaks ties between rare letters by chance.
    alphabet = sorted(sorted(counts, key=lambda letter: (-counts[letter], letter))[:letters])
    probe = _train(_word_tokenizer(lower_case), texts, 0, special, min_count, alphabet)
    inside = sorted(piece for piece in probe.get_vocab() if len(piece) == 3 and piece.startswith(INSIDE))
    learned = _train(_word_tokenizer(lower_case), texts, size, special, min_count, alphabet, inside)
    tokenizer = Tokenizer(
        models.WordPiece(
            vocab=learned.get_vocab(),
            unk_token=SPECIAL["word-piece"]["unk_token"],
            continuing_subword_prefix=INSIDE,
        )
    )
    tokenizer.normalizer, tokenizer.pre_tokenizer = learned.normalizer, learned.pre_tokenizer
    return tokenizer


def _word_tokenizer(lower_case: bool) -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix=INSIDE))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower_case)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _train(
    tokenizer: Tokenizer,
    texts: Iterable[str],
    size: int,
    special: Sequence[str],
    min_count: int,
    alphabet: Sequence[str],
    inside: Sequence[str] = (),
) -> Tokenizer:
    """Learns pairs; a `size` of 0 stops at the alphabet.

    Raises:
        AlumbenchError: The texts are empty, or allow no vocabulary of that size.
    """
    from tokenizers import trainers

    prefix = tokenizer.model.continuing_subword_prefix
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=min_count,
        special_tokens=[*special, *alphabet, *inside] if inside else list(special),
        initial_alphabet=list(alphabet),
        limit_alphabet=len(alphabet),
        show_progress=False,
        **({"continuing_subword_prefix": prefix} if prefix else {}),
    )
    tokenizer.train_from_iterator(texts, trainer)
    if not alphabet:
        raise AlumbenchError("the corpus has no text to learn a vocabulary from; give another --corpus")
    reached, least = tokenizer.get_vocab_size(), len({*special, *inside, *alphabet})
    if size and reached != size:
        raise AlumbenchError(
            f"--vocab-size {size}: the {least - len(special)} characters and {len(special)} special tokens alone are "
            f"{least} pieces; give --vocab-size {least} or more" + (", or fewer --letters" if inside else "")
            if reached > size
            else f"--vocab-size {size}: this corpus gives at most {reached} pieces that were seen {min_count} times; "
            f"give --vocab-size {reached}, more text" + (" or --min-count 1" if min_count > 1 else "")
        )
    return tokenizer


def _finished(kind: str, tokenizer: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    """Adds special tokens around one text or two, and a decoder."""
    from tokenizers import AddedToken, decoders, processors
    from transformers import PreTrainedTokenizerFast

    special = SPECIAL[kind]
    cls, sep = special["cls_token"], special["sep_token"]
    ids = [(token, tokenizer.token_to_id(token)) for token in (cls, sep)]
    between, second = (f"{sep} {sep}", "0") if kind == "bpe" else (sep, "1")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {between} $B:{second} {sep}:{second}",
        special_tokens=ids,
    )
    tokenizer.decoder = decoders.ByteLevel() if kind == "bpe" else decoders.WordPiece(prefix=INSIDE)
    tokens: dict[str, str | AddedToken] = dict(special)
    if kind == "bpe":
        # The mask replaces a word and the space before it, as in RoBERTa.
        tokens |= {"bos_token": cls, "eos_token": sep}
        tokens["mask_token"] = AddedToken(special["mask_token"], lstrip=True, special=True, normalized=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"]
        if kind == "bpe"
        else ["input_ids", "token_type_ids", "attention_mask"],
        **tokens,
    )
