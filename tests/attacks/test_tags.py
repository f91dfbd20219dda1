"""Tags of parts of speech from vectors are NLTK's own."""

from __future__ import annotations

import nltk
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.tag.perceptron import AveragedPerceptron

from alumbench.attacks.textattack.tags import tags_from_vectors

TAGS = ["DT", "JJ", "NN", "VB"]
FEATURES = ["bias", "i word film", "i-1 tag NN", "i suffix ing", "unseen"]
#: Few numbers, so that sums are often equal, some only in another order of adding.
WEIGHTS = st.dictionaries(
    st.sampled_from(FEATURES[:-1]), st.dictionaries(st.sampled_from(TAGS), st.sampled_from([0.1, 0.2, -0.3, 1e16, 0.0]))
)


@given(WEIGHTS, st.dictionaries(st.sampled_from(FEATURES), st.integers(0, 2)), st.permutations(TAGS))
def test_the_likeliest_tag_is_the_same(weights, features, tags):
    model = AveragedPerceptron(weights)
    model.classes = set(tags)
    expected = model.predict(features)
    with tags_from_vectors():
        assert model.predict(features) == model.predict(features) == expected


def test_sentences_are_tagged_the_same(nltk_data):
    from nltk.corpus import brown

    from alumbench.attacks.textattack.loader import load_textattack

    load_textattack()
    if not any((nltk_data.parent / "taggers").glob("averaged_perceptron_tagger*")):
        pytest.skip("the mirror has no tagger")
    sentences = [list(words) for words in brown.sents(categories="reviews")[:200]]
    expected, original = nltk.pos_tag_sents(sentences), AveragedPerceptron.predict
    with tags_from_vectors():
        assert AveragedPerceptron.predict is not original
        assert nltk.pos_tag_sents(sentences) == expected
    assert AveragedPerceptron.predict is original
