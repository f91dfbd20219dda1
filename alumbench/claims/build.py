"""The claims' page and tables, made of the boards' records; the same records give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alumbench.claims.evidence import Finding, Judged, judge
from alumbench.claims.settings import Claims
from alumbench.claims.verdict import OPEN, RULES, UNMEASURED
from alumbench.leaderboard.page.claims import claims_page
from alumbench.leaderboard.table import Table, percent, signed
from alumbench.storage import write_text

BUILT = ("README.md", "table.csv", "table.json", "index.html")
NOTE = (
    "Differences in points (hundredths), the first row less the second, with their 95% interval; cost is the first's "
    "training time over the second's, where the board has it."
)


def build(folder: Path) -> Table:
    """Makes all of `BUILT`.

    Returns:
        The table of claims.

    Raises:
        AlumbenchError: `claims.toml` is wrong, or a board that it names is.
    """
    table, built = _built(folder)
    for name, text in built.items():
        write_text(folder / name, text)
    return table


def outdated(folder: Path) -> list[str]:
    """What is not what the records make, a line each.

    Raises:
        AlumbenchError: As `build`.
    """
    return [
        f"{folder / name}: is not what the records make; run 'alumbench claims {folder}'"
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
    readme += ["## The rule, fixed before", "", *(f"- {rule}" for rule in RULES), ""]
    readme += [
        "`alumbench claims` on this folder makes all of it from the records; with `--check` it says whether it is what "
        "they make."
    ]
    page = claims_page(claims.title, claims.about, claims.reading, {"": table, "The comparisons": parts}, RULES)
    forms = {"README.md": "\n".join(readme) + "\n", "index.html": page}
    return table, {**forms, "table.csv": table.render("csv"), "table.json": table.render("json")}


def _claims(judged: Sequence[Judged], data: Sequence[dict[str, Any]]) -> Table:
    """One row a claim."""
    rows = []
    for one in judged:
        measured = [finding for finding in one.findings if finding.value is not None]
        told = [f"{_compared(finding)}: {_measured(finding)}" for finding in measured]
        if len(measured) < len(one.findings):
            told.append(f"not measured yet: {len(one.findings) - len(measured)} of {len(one.findings)} comparisons")
        found = "; ".join(told)
        commands = dict.fromkeys(f"`{finding.command}`" for finding in one.findings)
        rows.append([one.claim.id, f"{one.claim.says} ({one.claim.source})", found, one.verdict, ", ".join(commands)])
    return Table(["claim", "what the paper says", "what was measured", "verdict", "made again by"], rows, [NOTE], data)


def _parts(judged: Sequence[Judged]) -> Table:
    """One row a comparison."""
    rows = [
        [
            one.claim.id,
            _compared(finding),
            finding.part.shows,
            _goal(finding),
            f"{percent(finding.own)} / {percent(finding.others)}",
            _interval(finding),
            _p(finding),
            str(finding.n or "–"),
            str(finding.seeds or "–"),
            "–" if finding.cost is None else f"{finding.cost:.2f}×",
            _told(finding),
        ]
        for one in judged
        for finding in one.findings
    ]
    header = [
        "claim",
        "compared",
        "shows",
        "said",
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
    ends = "" if finding.low is None else f" [{signed(finding.low)}, {signed(finding.high)}]"
    return signed(finding.value) + ends


def _p(finding: Finding) -> str:
    return "–" if finding.p_holm is None else f"{finding.p_holm:.3f}"


def _measured(finding: Finding) -> str:
    if finding.value is None:
        return _told(finding)
    seeds = f"{finding.seeds} seed" + ("s" if finding.seeds > 1 else "")
    return f"{_interval(finding)}, n={finding.n}, {seeds}: {_told(finding)}"


def _told(finding: Finding) -> str:
    if finding.verdict == UNMEASURED or (finding.verdict == OPEN and finding.reason):
        return f"{finding.verdict} ({finding.reason})"
    if finding.verdict == OPEN:
        least = "" if finding.detectable is None else f" (smallest difference found: {percent(finding.detectable)})"
        return f"{finding.verdict} at this n{least}"
    return finding.verdict


def _data(one: Judged, finding: Finding) -> dict[str, Any]:
    """A comparison as a line of the CSV and an item of the JSON."""
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
