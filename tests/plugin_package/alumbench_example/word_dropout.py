"""A method that generates training data: copies of examples with a word left out."""

from dataclasses import dataclass

from torch.nn.functional import cross_entropy

from alumbench import Loss, Method, TrainingData


def without_a_word(example, score, generator):
    """The example's texts without one word, or None where a text would be empty."""
    words = [text.split() for text in example.texts]
    if min(map(len, words)) < 2:
        return None
    return tuple(" ".join(part[:at] + part[at + 1 :]) for part in words for at in [generator.integers(len(part))])


@dataclass(frozen=True)
class WordDropout(Method):
    """The weighted mean of the loss over whole and shortened texts. 3 (1 + share) forward units per step.

    Attributes:
        share: number of added rows, as a share of the examples; drawn again in each epoch.
        weight: weight of an added row.
    """

    name = "word-dropout"
    source = "Iyyer et al. 2015, https://aclanthology.org/P15-1162"
    classifiers_only = "it drops words of labelled texts"

    share: float = 0.5
    weight: float = 1.0

    def training_data(self):
        """The added rows, made by `without_a_word`; with `attack="pwws"` a recipe would make them."""
        return TrainingData(self.share, self.weight, change=without_a_word) if self.share else None

    def loss(self, model, batch, step):
        """The loss of one batch, whose rows have `step.weights`."""
        outputs = model(**batch)
        if step.weights is None:
            return Loss(outputs.loss)
        losses = cross_entropy(outputs.logits, batch["labels"], reduction="none")
        return Loss((step.weights * losses).sum() / step.weights.sum().clamp(min=1e-12))


METHOD = WordDropout
