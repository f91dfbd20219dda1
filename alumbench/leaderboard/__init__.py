"""Records to entries to tables: what can be published, with the evidence beside it."""
