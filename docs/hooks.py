"""What mkdocs does beside its pages: boards and top-level files as pages, and tables of what typed records hold.

`mkdocs.yml` names this file. A page says `<!-- fields: MODULE.CLASS -->` for the table of a struct's fields,
`<!-- command line -->` for the commands, and `<!-- include: FILE -->` for a file of the repository in its place.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))

from command_line import command_line
from field_tables import fields_table

REPOSITORY = Path(__file__).parent.parent
BOARDS = "leaderboards"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Each board's README becomes a page, `leaderboards/NAME.md`, with its own page as it is beside it."""
    for readme in sorted((REPOSITORY / BOARDS).glob("*/README.md")):
        board = f"{BOARDS}/{readme.parent.name}"
        text = readme.read_text(encoding="utf-8").replace("](index.html)", f"]({readme.parent.name}/board.html)")
        text = re.sub(r"\]\(\.\./([\w-]+)/README\.md\)", r"](\1.md)", text)
        text = re.sub(r"\]\(\.\./\.\./docs/", "](../", text)
        files.append(File.generated(config, f"{board}.md", content="---\nhide: [navigation]\n---\n" + text))
        page = readme.with_name("index.html")
        if page.exists():
            files.append(File.generated(config, f"{board}/board.html", abs_src_path=str(page)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fills in what a page asks for, and points links to boards at the boards' pages."""
    included = re.search(r"<!-- include: (\S+) -->", markdown)
    if included:
        markdown = (REPOSITORY / included[1]).read_text(encoding="utf-8")
        markdown = re.sub(r"\]\((docs/|leaderboards/)", lambda found: f"]({found[1].removeprefix('docs/')}", markdown)
        markdown = re.sub(r"\]\(CHANGELOG\.md\)", "](changelog.md)", markdown)
        markdown = re.sub(r"\]\(leaderboards/([\w-]+)/README\.md\)", rf"]({BOARDS}/\1.md)", markdown)
    markdown = re.sub(r"\]\(\.\./leaderboards/([\w-]+)/README\.md\)", rf"]({BOARDS}/\1.md)", markdown)
    if page.is_homepage:
        page.meta["hide"] = ["navigation", "toc"]
    if "<!-- command line -->" in markdown:
        markdown = markdown.replace("<!-- command line -->", command_line())
    return re.sub(r"<!-- fields: (\S+) -->", lambda found: fields_table(found[1]), markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Figures of boards are not broken into lines: the table scrolls."""
    if not page.file.src_uri.startswith(BOARDS):
        return html
    return re.sub(r"<td>(?=(?:<strong>)?[-+−]?\d[^<]{0,45}(?:</strong>)?</td>)", '<td class="figure">', html)
