"""Work on alumbench's own boards that is not part of the package: published claims, and the geometry of δ."""
