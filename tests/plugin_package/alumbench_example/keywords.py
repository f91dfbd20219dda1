"""A classifier: it counts words."""

GOOD, BAD = {"good", "great", "fine", "lovely"}, {"bad", "poor", "awful", "dull"}


def predict(texts):
    """Scores for negative and positive, one row a text."""
    rows = []
    for text in texts:
        words = text.lower().split()
        rows.append([1.0 + sum(word in BAD for word in words), 1.0 + sum(word in GOOD for word in words)])
    return [[score / sum(row) for score in row] for row in rows]
