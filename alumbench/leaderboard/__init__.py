"""Boards made from records and entries: everything published has its evidence beside it."""
