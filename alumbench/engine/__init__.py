"""Many searches at once, with the same results as one at a time: a search is a greenlet that pauses at each query."""

#: A tokenizer's or configuration's maximum length from here on means that there is none.
NO_LIMIT = 1_000_000
