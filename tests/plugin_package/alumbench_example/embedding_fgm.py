"""A white-box recipe: one step along the gradient at the word embeddings, to the surface of the ball."""

from dataclasses import dataclass

from alumbench import AlumbenchError, WhiteBoxAttack, WhiteBoxRecipe


@dataclass(frozen=True)
class EmbeddingFgm(WhiteBoxAttack):
    """FGM (Miyato et al. 2017): δ = ε g / |g| for each text, g the margin's gradient.

    Attributes:
        radius: ε, in units of the text's token embeddings' RMS length.
    """

    radius: float

    def check(self):
        """Checks the settings."""
        if not self.radius > 0:
            raise AlumbenchError("radius must be above 0")

    def run(self, batch):
        """Attacks one batch of texts."""
        from alumbench import Climb

        climb = Climb(batch, "l2-sentence", self.radius)
        climb.ascend(climb.margin, climb.zero(), steps=1, step=1.0, from_zero=True)
        return climb.harm()


RECIPE = WhiteBoxRecipe(
    name="embedding-fgm",
    version=1,
    search=EmbeddingFgm,
    source="Miyato et al. 2017, https://arxiv.org/abs/1605.07725",
    description="white-box, makes no text: one gradient step of the word embeddings",
)
