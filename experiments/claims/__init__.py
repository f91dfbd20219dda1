"""Claims checked against boards: each part compares two rows, and each verdict follows a rule fixed in advance."""
