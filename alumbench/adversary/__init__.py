"""The shared adversarial core: perturbations of word embeddings, how long they are and where they point.

Written to be read beside Algorithm 1 of Liu et al. 2020 (https://arxiv.org/abs/2004.08994):

| paper | here |
| --- | --- |
| δ | `delta`  # (batch, tokens, hidden), added to the word embeddings |
| ε, ∥·∥ | `Ball(norm, free)` and its radius |
| σ | `start`: length of the first noise, relative like ε |
| η | `step`: length of one ascent step, in units of ε |
| Π | `Ball.project` |
| l(f(x), f(x+δ)) | `divergence` |
| K | `steps` |
"""

from alumbench.adversary.ascent import DIRECTIONS, Ascent
from alumbench.adversary.ball import NORMS, Ball, token_rms
from alumbench.adversary.divergence import DIVERGENCES
from alumbench.adversary.hook import added, embedding_module, free_tokens
from alumbench.adversary.noise import DropoutReplay, example_noise, example_uniform

__all__ = [
    "DIRECTIONS",
    "DIVERGENCES",
    "NORMS",
    "Ascent",
    "Ball",
    "DropoutReplay",
    "added",
    "embedding_module",
    "example_noise",
    "example_uniform",
    "free_tokens",
    "token_rms",
]
