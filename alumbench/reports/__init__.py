"""Tables and pages from typed rows: Markdown, CSV, JSON, LaTeX, HTML; others' text is escaped."""
