"""The shared adversarial core: perturbations of word embeddings, their length and their direction.

Written to be read beside Algorithm 1 of Liu et al. 2020 (https://arxiv.org/abs/2004.08994):

| paper | here |
| --- | --- |
| f(x), f(x+δ) | `Perturbation.at`, passes of one batch |
| δ | `delta`  # (batch, tokens, hidden), added to the word embeddings |
| ε, ∥·∥ | `Ball(norm, perturbable)` and its radius |
| σ | `init_scale`: length of the first noise, relative like ε |
| η | `step_size`: length of one ascent step, in units of ε |
| Π | `Ball.project` |
| l(f(x), f(x+δ)) | `divergence` |
| K | `num_steps` |
"""

from alumbench.adversary.ascent import DIRECTIONS, RULES, Ascent, AscentResult
from alumbench.adversary.divergence import DIVERGENCES, to_float32
from alumbench.adversary.embedding_hook import WordEmbeddings, perturbable_mask
from alumbench.adversary.noise import DropoutReplay, example_noise, example_uniform
from alumbench.adversary.norm_ball import NORMS, Ball, token_rms
from alumbench.adversary.outputs import STOP_GRADIENTS, Outputs, divergence, read_answers, read_hidden
from alumbench.adversary.perturbation import Pass, Perturbation, PerturbationSite
from alumbench.adversary.table import EmbeddingTable

__all__ = [
    "DIRECTIONS",
    "DIVERGENCES",
    "NORMS",
    "RULES",
    "STOP_GRADIENTS",
    "Outputs",
    "Ascent",
    "Ball",
    "DropoutReplay",
    "EmbeddingTable",
    "AscentResult",
    "Pass",
    "Perturbation",
    "PerturbationSite",
    "WordEmbeddings",
    "divergence",
    "example_noise",
    "example_uniform",
    "perturbable_mask",
    "to_float32",
    "read_answers",
    "read_hidden",
    "token_rms",
]
