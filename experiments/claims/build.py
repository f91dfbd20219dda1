"""The claims' page and tables, built from the boards' records; the same records give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alumbench.formatting import format_compared, format_p, format_ratio, format_share
from alumbench.reports.html.tables_page import tables_page
from alumbench.reports.table import Table
from alumbench.storage import write_text
from experiments.claims.evidence import Finding, Judged, judge
from experiments.claims.settings import Claims
from experiments.claims.verdict import OPEN, RULES, UNMEASURED

BUILT = ("README.md", "table.csv", "table.json", "index.html")
NOTE = (
    "Differences in points (hundredths), the first row minus the second, with their 95% interval; cost is the first's "
    "training time over the second's, where the board has it."
)


def build(folder: Path) -> Table:
    """Builds all files of `BUILT`.

    Returns:
        The table of claims.

    Raises:
        AlumbenchError: `claims.toml` or a board that it names is wrong.
    """
    table, built = _built(folder)
    for name, text in built.items():
        write_text(folder / name, text)
    return table


def outdated(folder: Path) -> list[str]:
    """Built files that differ from what the records give, one line each.

    Raises:
        AlumbenchError: As `build`.
    """
    return [
        f"{folder / name}: does not follow from the records; run 'python -m experiments.claims {folder}'"
        for name, text in _built(folder)[1].items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != text.encode()
    ]


def _built(folder: Path) -> tuple[Table, dict[str, str]]:
    claims = Claims.read(folder)
    judged = judge(claims)
    data = [_data(one, finding) for one in judged for finding in one.findings]
    table, parts = _claims(judged, data), _parts(judged)
    readme = [f"# {claims.title}", "", claims.about.strip(), "", table.render("markdown").strip(), ""]
    if claims.reading.strip():
        readme += ["## What it means", "", claims.reading.strip(), ""]
    readme += ["## The comparisons", "", parts.render("markdown").strip(), ""]
    readme += ["## The rule, fixed in advance", "", *(f"- {rule}" for rule in RULES), ""]
    readme += [
        "`python -m experiments.claims` on this folder rebuilds everything from the records; with `--check` it "
        "verifies "
        "that nothing differs."
    ]
    tables = {"": table, "The comparisons": parts}
    page = tables_page(claims.title, claims.about, claims.reading, tables, RULES, "The rule, fixed in advance")
    forms = {"README.md": "\n".join(readme) + "\n", "index.html": page}
    return table, {**forms, "table.csv": table.render("csv"), "table.json": table.render("json")}


def _claims(judged: Sequence[Judged], data: Sequence[dict[str, object]]) -> Table:
    """One row per claim."""
    rows = []
    for one in judged:
        measured = [finding for finding in one.findings if finding.value is not None]
        told = [f"{_compared(finding)}: {_measured(finding)}" for finding in measured]
        if len(measured) < len(one.findings):
            told.append(f"not measured yet: {len(one.findings) - len(measured)} of {len(one.findings)} comparisons")
        found = "; ".join(told)
        commands = dict.fromkeys(f"`{finding.command}`" for finding in one.findings)
        rows.append([one.claim.id, f"{one.claim.says} ({one.claim.source})", found, one.verdict, ", ".join(commands)])
    return Table(["claim", "what the paper says", "what was measured", "verdict", "reproduced by"], rows, [NOTE], data)


def _parts(judged: Sequence[Judged]) -> Table:
    """One row per comparison."""
    rows = [
        [
            one.claim.id,
            _compared(finding),
            finding.part.shows,
            _goal(finding),
            f"{format_share(finding.own)} / {format_share(finding.others)}",
            _interval(finding),
            _p(finding),
            str(finding.n or "–"),
            str(finding.seeds or "–"),
            format_ratio(finding.cost),
            _told(finding),
        ]
        for one in judged
        for finding in one.findings
    ]
    header = [
        "claim",
        "compared",
        "shows",
        "expected",
        "figures",
        "difference",
        "p (Holm)",
        "n",
        "seeds",
        "cost",
        "verdict",
    ]
    findings = [finding for one in judged for finding in one.findings]
    measured = sum(finding.p is not None for finding in findings)
    return Table(
        header, rows, [NOTE, f"p is corrected over {measured} of {len(findings)} comparisons: all with an interval."]
    )


def _compared(finding: Finding) -> str:
    part = finding.part
    return f"`{part.subject}` against `{part.against}`" + (f", {part.column}" if part.column else "")


def _goal(finding: Finding) -> str:
    part = finding.part
    return {"more": "more", "no less": f"no less by {part.margin:g}", "equal": f"equal within {part.margin:g}"}[
        part.direction
    ]


def _interval(finding: Finding) -> str:
    if finding.value is None:
        return "–"
    return format_compared(finding.value, finding.low, finding.high)


def _p(finding: Finding) -> str:
    return format_p(finding.p_holm)


def _measured(finding: Finding) -> str:
    if finding.value is None:
        return _told(finding)
    seeds = f"{finding.seeds} seed" + ("s" if finding.seeds > 1 else "")
    return f"{_interval(finding)}, n={finding.n}, {seeds}: {_told(finding)}"


def _told(finding: Finding) -> str:
    if finding.verdict == UNMEASURED or (finding.verdict == OPEN and finding.reason):
        return f"{finding.verdict} ({finding.reason})"
    if finding.verdict == OPEN:
        least = (
            ""
            if finding.detectable is None
            else f" (smallest detectable difference: {format_share(finding.detectable)})"
        )
        return f"{finding.verdict} at this n{least}"
    return finding.verdict


def _data(one: Judged, finding: Finding) -> dict[str, object]:
    """A comparison as a CSV line and a JSON item."""
    part = finding.part
    names = ("own", "others", "value", "low", "high", "p", "p_holm", "n", "seeds", "cost", "detectable", "reason")
    return {
        "claim": one.claim.id,
        "claim_verdict": one.verdict,
        "verdict": finding.verdict,
        "source": part.source,
        "row": part.subject,
        "against": part.against,
        "column": part.column,
        "direction": part.direction,
        "margin": part.margin / 100,
        **{name: getattr(finding, name) for name in names},
        "command": finding.command,
    }
