"""The shared adversarial core: perturbations of word embeddings, how long they are and where they point.

Written to be read beside Algorithm 1 of Liu et al. 2020 (https://arxiv.org/abs/2004.08994):

| paper | here |
| --- | --- |
| f(x), f(x+δ) | `Perturbation.at`, passes of one batch |
| δ | `delta`  # (batch, tokens, hidden), added to the word embeddings |
| ε, ∥·∥ | `Ball(norm, free)` and its radius |
| σ | `start`: length of the first noise, relative like ε |
| η | `step`: length of one ascent step, in units of ε |
| Π | `Ball.project` |
| l(f(x), f(x+δ)) | `divergence` |
| K | `steps` |
"""

from alumbench.adversary.answers import STOP_GRADIENTS, Answers, divergence, read_answers, read_hidden
from alumbench.adversary.ascent import DIRECTIONS, RULES, Ascent, Found
from alumbench.adversary.ball import NORMS, Ball, token_rms
from alumbench.adversary.divergence import DIVERGENCES, full
from alumbench.adversary.hook import WordEmbeddings, free_tokens
from alumbench.adversary.noise import DropoutReplay, example_noise, example_uniform
from alumbench.adversary.perturbation import Pass, Perturbation, Place
from alumbench.adversary.table import EmbeddingTable

__all__ = [
    "DIRECTIONS",
    "DIVERGENCES",
    "NORMS",
    "RULES",
    "STOP_GRADIENTS",
    "Answers",
    "Ascent",
    "Ball",
    "DropoutReplay",
    "EmbeddingTable",
    "Found",
    "Pass",
    "Perturbation",
    "Place",
    "WordEmbeddings",
    "divergence",
    "example_noise",
    "example_uniform",
    "free_tokens",
    "full",
    "read_answers",
    "read_hidden",
    "token_rms",
]
