"""Every row of the table of recipes: it runs on two examples, or it says why it does not and what would mend that."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from alumbench.attacks import load_recipe, recipe_names
from alumbench.attacks.listing import markdown, tried
from alumbench.attacks.recipe import Recipe
from alumbench.attacks.resources import RESOURCES
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.textattack.loader import load_textattack
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.cli import group
from alumbench.engine.rng_state import RngState, globals_kept
from alumbench.errors import AlumbenchError
from tests.attacks.tiny_lm import make_bert

BUDGET = 60
#: TextAttack's classes, and what they are called here.
TEXTATTACK = {
    "A2TYoo2021": "a2t",
    "BAEGarg2019": "bae",
    "BERTAttackLi2020": "bert-attack",
    "BadCharacters2021": "bad-characters",
    "CLARE2020": "clare",
    "CheckList2020": "checklist",
    "ChineseRecipe": "chinese",
    "DeepWordBugGao2018": "deepwordbug",
    "FasterGeneticAlgorithmJia2019": "faster-alzantot",
    "FrenchRecipe": "french",
    "GeneticAlgorithmAlzantot2018": "alzantot",
    "HotFlipEbrahimi2017": "hotflip",
    "IGAWang2019": "iga",
    "InputReductionFeng2018": "input-reduction",
    "Kuleshov2017": "kuleshov",
    "LEAP2023": "leap",
    "MorpheusTan2020": "morpheus",
    "PSOZang2020": "pso",
    "PWWSRen2019": "pwws",
    "Pruthi2019": "pruthi",
    "Seq2SickCheng2018BlackBox": "seq2sick",
    "SpanishRecipe": "spanish",
    "TextBuggerLi2018": "textbugger",
    "TextFoolerJin2019": "textfooler",
}
RECIPES = [load_recipe(name) for name in recipe_names()]
#: They make no text; see test_embedding_pgd.py.
WHITE_BOX = [recipe for recipe in RECIPES if recipe.kind == "embedding"]
#: They search the set of a threat model; see test_search_recipes.py.
SEARCHES = [recipe for recipe in RECIPES if isinstance(recipe, SearchRecipe)]
RUN = [recipe for recipe in RECIPES if tried(recipe) == "runs" and recipe not in [*WHITE_BOX, *SEARCHES]]
UNTRIED = [recipe for recipe in RECIPES if tried(recipe).startswith("not run yet")]
REFUSED = [recipe for recipe in RECIPES if recipe.unsupported_reason]


@pytest.fixture(scope="module")
def masked_lm(tmp_path_factory):
    return str(make_bert(tmp_path_factory.mktemp("masked") / "bert"))


def attacked(recipe, victim, example, budget=BUDGET, models=None, protected=("premise",)):
    """The attack's result on one example, and the attack."""
    columns = victim.task.columns
    attack = recipe.make(VictimWrapper(victim), columns, protected, budget, models or {})
    gold = victim.task.labels.index(example.label)
    with globals_kept():
        RngState("key").put()
        return attack.attack(OrderedDict(zip(columns, example.texts, strict=True)), gold), attack


def test_the_table_has_every_recipe_of_textattack_and_is_what_the_readme_shows():
    kinds = load_textattack().attack_recipes
    theirs = {name for name, value in vars(kinds).items() if isinstance(value, type)} - {"AttackRecipe"}
    assert theirs == set(TEXTATTACK) and len(theirs) == 24
    assert set(TEXTATTACK.values()) <= set(recipe_names())
    assert {*RUN, *UNTRIED, *REFUSED, *WHITE_BOX, *SEARCHES} == set(RECIPES)
    lines = markdown().splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == [recipe.signature for recipe in RECIPES]
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.parametrize("recipe", RUN, ids=lambda recipe: recipe.name)
def test_it_runs_on_two_examples(pair_victim, right, mirror, nltk_data, masked_lm, recipe):
    models = {name: masked_lm for name in recipe.required_models}
    texts = set()
    for example in right[1:3]:
        result, attack = attacked(recipe, pair_victim, example, models=models)
        kind = type(result).__name__
        reduction = recipe.goal == "reduction"
        assert kind in ({"MaximizedAttackResult"} if reduction else {"SuccessfulAttackResult", "FailedAttackResult"})
        assert 1 <= attack.goal_function.num_queries <= BUDGET
        columns = dict(result.perturbed_result.attacked_text._text_input)
        assert list(columns) == list(pair_victim.task.columns)
        assert columns["premise"] == example.texts[0]
        texts.add(columns["hypothesis"])
        again, _ = attacked(recipe, pair_victim, example, models=models)
        assert again.perturbed_result.attacked_text.text == result.perturbed_result.attacked_text.text
        if kind == "SuccessfulAttackResult":
            scores = pair_victim.scores([tuple(columns.values())])[0]
            assert pair_victim.task.labels[int(scores.argmax())] != example.label
            assert columns["hypothesis"] != example.texts[1]
    assert len(texts) == 2


#: Zero-width characters do not get past BERT's tokenizer; there is no name or number in the first examples.
NO_CHANGE = {"bad-characters-invisible", "checklist-lists"}


@pytest.mark.parametrize("recipe", RUN, ids=lambda recipe: recipe.name)
def test_it_finds_something_or_has_nothing_to_change(pair_victim, right, mirror, nltk_data, masked_lm, recipe):
    models = {name: masked_lm for name in recipe.required_models}
    found = False
    for example in right[:12]:
        result, _ = attacked(recipe, pair_victim, example, 150, models)
        found = result.perturbed_result.attacked_text.text != result.original_result.attacked_text.text
        found = found and type(result).__name__ != "FailedAttackResult"
        if found:
            break
    assert found != (recipe.name in NO_CHANGE)


@pytest.mark.parametrize("budget", [1, 2, 3, 7])
@pytest.mark.parametrize("recipe", RUN, ids=lambda recipe: recipe.name)
def test_no_budget_is_too_small(pair_victim, right, mirror, nltk_data, masked_lm, recipe, budget):
    models = {name: masked_lm for name in recipe.required_models}
    _, attack = attacked(recipe, pair_victim, right[0], budget, models)
    assert 1 <= attack.goal_function.num_queries <= budget


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    for name in ("TA_CACHE_DIR", "FLAIR_CACHE_ROOT", "TFHUB_CACHE_DIR", "HF_HUB_CACHE", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("nltk.data.path", [str(tmp_path)])


@pytest.mark.parametrize("recipe", UNTRIED, ids=lambda recipe: recipe.name)
def test_it_names_what_it_wants_and_the_command_that_brings_it(pair_victim, nothing_here, recipe):
    with pytest.raises(AlumbenchError) as error:
        recipe.make(VictimWrapper(pair_victim), pair_victim.task.columns, (), 10)
    message = str(error.value)
    assert message.startswith(f"recipe {recipe.name} needs ")
    untried = [name for name in recipe.needs if not RESOURCES[name].tried]
    assert untried
    for name in untried:
        assert f"{name}: {RESOURCES[name].remedy}" in message
    assert recipe.state().startswith("missing: ") and set(untried) <= set(recipe.absent())


@pytest.mark.parametrize("recipe", REFUSED, ids=lambda recipe: recipe.name)
def test_it_says_why_it_cannot_attack_a_classifier(pair_victim, recipe):
    with pytest.raises(AlumbenchError, match=f"recipe {recipe.name} cannot attack a classifier: it needs a .* model"):
        recipe.make(VictimWrapper(pair_victim), pair_victim.task.columns, (), 10)
    assert recipe.missing() == [recipe.unsupported_reason] and recipe.state() == "refused"


def tiny_vectors(words):
    """Word vectors that TextAttack takes for its own: each word of a pair is the other's nearest."""
    from textattack.shared import WordEmbedding

    index = {word: number for number, word in enumerate(words)}
    vectors = np.eye(len(words), dtype=np.float32)
    for number in range(0, len(words) - 1, 2):
        vectors[number + 1] = vectors[number]
        vectors[number + 1, number + 1] = 0.1
    near = np.argsort(-vectors @ vectors.T, axis=1, kind="stable")[:, :4]
    for row, own in enumerate(near):  # a word is the first of its own neighbours
        near[row] = [row, *[other for other in [row ^ 1, *own] if other != row][:3]]
    return WordEmbedding(vectors, index, dict(enumerate(words)), near)


@pytest.mark.parametrize("name", ["iga", "hotflip", "textfooler", "textbugger", "bae", "bert-attack", "clare"])
def test_with_its_parts_there_the_plain_recipe_uses_them(
    pair_victim, right, mirror, nltk_data, masked_lm, monkeypatch, tmp_path, name
):
    """The vectors and encoders are stand-ins that lie where the real ones would."""
    import torch
    from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder
    from textattack.shared import utils

    words = sorted({word for example in right for word in example.texts[1].split() if word.isalpha()})
    words += ["odd"] * (len(words) % 2)
    monkeypatch.setitem(utils.GLOBAL_OBJECTS, "textattack_counterfitted_GLOVE_embedding", tiny_vectors(words))
    encoded = []

    def encode(self, sentences):
        encoded.extend(sentences)
        return torch.ones(len(sentences), 4)

    monkeypatch.setattr(UniversalSentenceEncoder, "encode", encode)
    monkeypatch.setattr(Recipe, "missing", lambda self: [])
    monkeypatch.chdir(tmp_path)
    for model in ("bert-base-uncased", "distilroberta-base"):
        (tmp_path / model).symlink_to(masked_lm)
    changed = 0
    for example in right[:6]:
        result, attack = attacked(load_recipe(name), pair_victim, example)
        changed += attack.goal_function.num_queries > 1
    assert changed and (bool(encoded) or name in {"iga", "hotflip"})


def test_parts_are_asked_for_by_name(pair_victim, mirror, nltk_data, masked_lm):
    wrapper, columns = VictimWrapper(pair_victim), pair_victim.task.columns
    with pytest.raises(AlumbenchError, match='recipe bae-local needs models = { masked_lm = "PATH or hub id" }'):
        load_recipe("bae-local").make(wrapper, columns, (), 10)
    with pytest.raises(AlumbenchError, match="recipe bae-local takes no model encoder; it takes masked_lm"):
        load_recipe("bae-local").make(wrapper, columns, (), 10, {"masked_lm": masked_lm, "encoder": "x"})
    with pytest.raises(AlumbenchError, match="recipe leap takes no model masked_lm; it takes none"):
        load_recipe("leap").make(wrapper, columns, (), 10, {"masked_lm": masked_lm})
    with pytest.raises(AlumbenchError, match="masked_lm = no/such: no such folder.*hf download no/such"):
        load_recipe("clare-local").make(wrapper, columns, (), 10, {"masked_lm": "no/such"})


def test_a_recipes_file_says_in_its_first_line_what_it_is():
    for recipe in RECIPES:
        path = Path(__file__).parents[2] / f"alumbench/attacks/recipes/{recipe.name.replace('-', '_')}.py"
        assert path.read_text(encoding="utf-8").startswith('"""')
        made_by = recipe.search if recipe in [*WHITE_BOX, *SEARCHES] else recipe.build
        assert (made_by is None) == bool(recipe.unsupported_reason) and (made_by is None or made_by.__doc__)


def test_the_command_lists_all_tells_of_one_and_prints_the_table(mirror, nltk_data):
    run = CliRunner().invoke
    listed = run(group, ["recipes"])
    assert listed.exit_code == 0
    for recipe in RECIPES:
        line = next(line for line in listed.output.splitlines() if line.startswith(f"{recipe.signature} "))
        assert line.split(maxsplit=1)[1].startswith(recipe.state()), line
    told = run(group, ["recipes", "bae-local"]).output
    assert "models = { masked_lm = " in told and "all-MiniLM-L6-v2: a small sentence encoder" in told
    assert "hf download bert-base-uncased" in run(group, ["recipes", "bert-attack"]).output
    assert "a classifier gives label scores" in run(group, ["recipes", "morpheus"]).output
    assert run(group, ["recipes", "--markdown"]).output.strip() == markdown()
    wrong = run(group, ["recipes", "textfoller"])
    assert wrong.exit_code and "Did you mean 'textfooler'" in str(wrong.exception)
