"""Many searches at once with the results of one at a time: a search is a greenlet that stops at each question."""
