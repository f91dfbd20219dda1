"""TextAttack's recipe for Chinese: sememes, a masked LM, characters that look or sound alike."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged."""
    from textattack.attack_recipes import ChineseRecipe

    return ChineseRecipe.build(wrapper)


RECIPE = Recipe(
    name="chinese",
    version=1,
    build=build,
    needs=("jieba", "pinyin", "openhownet", "xlm-roberta-base"),
    source="TextAttack 0.3.11, https://github.com/QData/TextAttack",
    description="swap Chinese words and characters for others of similar meaning, look or sound; greedy by weighted "
    "saliency",
)
