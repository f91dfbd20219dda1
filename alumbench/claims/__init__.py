"""Claims and what boards say about them: each part a comparison of two rows, each verdict by a rule fixed before."""
