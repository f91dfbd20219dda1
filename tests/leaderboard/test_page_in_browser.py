"""The page in headless Chromium: no text of a board runs or asks for anything, and all that can be pressed works.

Chromium is found on the path, or where the variable CHROMIUM says; without one these tests skip. It prints the page as
it is after its scripts ran (`--dump-dom`); the host that payloads name is one that notes who calls. Presses are made by
a script that a copy of the page carries in place of its policy.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from alumbench.reports.html import page
from tests.leaderboard.sample_view import as_view, sample_view
from tests.leaderboard.test_inert import PAYLOADS
from tests.leaderboard.test_page import spoiled

FIRES = "document.documentElement.dataset.fired=1"
#: Ways to run a script or to load something, each of which marks the document or calls a host.
ATTACKS = [
    f"<script>{FIRES}</script>",
    f"</script><script>{FIRES}</script>",
    f"</script></title></style></textarea><img src=x onerror={FIRES}>",
    f"<svg onload={FIRES}>",
    f"<svg><animate onbegin={FIRES} attributeName=x dur=1s>",
    f"\"><img src=x onerror='{FIRES}'>",
    f'\'><img src=x onerror="{FIRES}">',
    f"` onfocus={FIRES} autofocus tabindex=0 x=`",
    f'" onfocus="{FIRES}" autofocus tabindex="0',
    f"<details open ontoggle={FIRES}>",
    f"<body onload={FIRES}>",
    f"<iframe srcdoc='<script>parent.{FIRES}</script>'></iframe>",
    f"<math><mtext></form><form><mglyph><style></math><img src onerror={FIRES}>",
    f"<noscript><p title='</noscript><img src=x onerror={FIRES}>'>",
    f"--><script>{FIRES}</script><!--",
    f"]]><script>{FIRES}</script>",
    "<img src=http://evil.example/pixel>",
    "<link rel=stylesheet href=http://evil.example/a.css>",
    "<style>@import 'http://evil.example/b.css';</style>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    "<base href=http://evil.example/>",
    "<object data=http://evil.example/o></object>",
    "<video poster=http://evil.example/p src=http://evil.example/v>",
    "<form action=http://evil.example/f><button autofocus>x</button></form>",
    "background:url(http://evil.example/c)",
    "[x](javascript:document.title=1)",
    "javascript:document.documentElement.dataset.fired=1",
    "data:text/html,<script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}{{ self }}",
    "${document.documentElement.dataset.fired=1}",
    "\u2028document.documentElement.dataset.fired=1\u2029",
    '{"__proto__": {"fired": 1}}',
]


@pytest.fixture(scope="module")
def chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium: none on the path, and CHROMIUM is unset")
    return found


@pytest.fixture
def calls() -> Iterator[tuple[int, list[str]]]:
    """A port that stands for every host, and the first line of each call to it."""
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    caller.settimeout(5)
                    heard.append(caller.recv(200).decode(errors="replace").partition("\r\n")[0])

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], heard


def opened(chromium: str, text: str, folder: Path, port: int, *options: str) -> str:
    """The page's DOM after its scripts and two seconds of their timers."""
    (folder / "index.html").write_text(text)
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={folder / 'profile'}",
    ]
    command += [
        f"--host-resolver-rules=MAP *evil.example 127.0.0.1:{port}, MAP * ~NOTFOUND",
        "--virtual-time-budget=2000",
        *options,
        "--dump-dom",
    ]
    done = subprocess.run([*command, (folder / "index.html").as_uri()], capture_output=True, text=True, timeout=120)
    assert "</html>" in done.stdout, done.stderr[-2000:]
    return done.stdout


def pressed(chromium: str, text: str, folder: Path, port: int, script: str, *options: str) -> object:
    """What a script finds on the page; it stands in for a person, so it comes in where the policy was."""
    text, times = re.subn(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", text)
    assert times == 1
    carried = f"<script>document.body.dataset.found = JSON.stringify((() => {{{script}}})());</script></body>"
    dom = opened(chromium, text.replace("</body>", carried), folder, port, *options)
    found = re.search(r'data-found="([^"]*)"', dom)
    assert found, "the script failed"
    return json.loads(found.group(1).replace("&quot;", '"').replace("&amp;", "&"))


@pytest.mark.parametrize("policy", [True, False], ids=["with-its-policy", "by-escaping-alone"])
def test_nothing_fires_and_nothing_is_asked_for(
    chromium: str, calls: tuple[int, list[str]], tmp_path: Path, policy: bool
) -> None:
    """R15: each wall holds on its own. Every text holds every payload; where scripts may, every dialog is opened."""
    port, heard = calls
    view = spoiled(sample_view(), " ".join([*ATTACKS, *(p for p in PAYLOADS if "\ud800" not in p)]))
    text = page(as_view(view))
    if policy:
        dom = opened(chromium, text, tmp_path, port)
        assert "data-fired" not in dom.partition("<body")[0] and 'class="js"' in dom.partition("<body")[0]
    else:
        found = pressed(
            chromium,
            text,
            tmp_path,
            port,
            """for (const button of document.querySelectorAll("button.cell, [data-details]")) {
                button.click(); document.querySelector("dialog .close").click();
            }
            const foreign = document.querySelectorAll("iframe, object, embed, video, img, link, base, form").length;
            return [document.documentElement.dataset.fired ?? null, foreign, ({}).fired ?? null];""",
        )
        assert found == [None, 0, None]
    assert not heard


def test_the_tests_own_marks_would_be_seen(chromium: str, calls: tuple[int, list[str]], tmp_path: Path) -> None:
    port, heard = calls
    text = f"<html><body><img src=http://evil.example/x onerror={FIRES}></body></html>"
    assert "data-fired" in opened(chromium, text, tmp_path, port) and heard


def test_sorting_filtering_and_reading(chromium: str, calls: tuple[int, list[str]], tmp_path: Path) -> None:
    found = pressed(
        chromium,
        page(as_view(sample_view())),
        tmp_path,
        calls[0],
        """const board = JSON.parse(document.getElementById("data").textContent);
        const names = () => [...document.querySelectorAll("#board tbody tr")]
            .filter((row) => !row.hasAttribute("data-off")).map((row) => board.rows[row.dataset.row].name);
        const said = {first: names()};
        const heads = [...document.querySelectorAll("thead button.sort")];
        const typos = heads.find((head) => head.textContent.includes("deepwordbug"));
        typos.click(); said.best = names(); said.sort = typos.closest("th").getAttribute("aria-sort");
        typos.click(); said.worst = names();
        const pwws = heads.find((head) => head.textContent.includes("pwws"));
        pwws.click(); said.missing = names().at(-1);
        const search = document.querySelector("#search");
        search.value = "method-2"; search.dispatchEvent(new Event("input")); said.searched = names();
        document.querySelector("#reset").click(); said.reset = names().length;
        const box = [...document.querySelectorAll("details.filter input")]
            .find((input) => input.closest("label").textContent.includes("method-1"));
        box.click(); said.filtered = names();
        document.querySelector("#reset").click();
        const cell = document.querySelector('td[data-column="1"] button.cell'); cell.focus(); cell.click();
        const dialog = document.querySelector("dialog");
        said.open = dialog.open; said.marked = dialog.querySelector("mark").textContent;
        said.told = dialog.textContent; said.modal = document.activeElement.id;
        dialog.querySelector(".close").click(); said.closed = !dialog.open; said.back = document.activeElement === cell;
        let blob; URL.createObjectURL = (made) => { blob = made; return "#"; };
        said.downloads = [...document.querySelectorAll("[data-download]")]
            .map((button) => { button.click(); return [blob.type, blob.size]; });
        cell.focus(); cell.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
        said.right = document.activeElement.closest("td").dataset.column;
        return said;""",
    )
    assert isinstance(found, dict)
    names = ["standard", "method-1", "method-2", "method-3"]
    assert found["first"] == names and found["best"] == names[::-1] and found["worst"] == names
    assert found["sort"] == "descending" and found["missing"] == "method-3", "no figure is last, whichever way"
    assert found["searched"] == ["method-2"] and found["reset"] == 4
    assert sorted(found["filtered"]) == ["method-2", "method-3", "standard"]
    assert found["open"] and found["closed"] and found["back"] and found["right"] == "2"
    sizes = [len(text) for text in sample_view()["downloads"].values()]
    assert found["downloads"] == [["text/csv;charset=utf-8", sizes[0]], ["application/json", sizes[1]]]
    assert "dul" in found["marked"] and "film" not in found["marked"]
    for words in (
        "95% interval",
        "suite@1|typos|n:200",
        "records/standard-seed1.jsonl.gz",
        "3 of 100",
        "id0",
        "40.0 % of",
    ):
        assert words in found["told"], words


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_is_named_and_can_be_read(
    chromium: str, calls: tuple[int, list[str]], tmp_path: Path, width: int, scheme: str
) -> None:
    found = pressed(
        chromium,
        page(as_view(sample_view())),
        tmp_path,
        calls[0],
        f"document.documentElement.dataset.theme = {scheme!r};"
        """const light = (color) => {
            const [r, g, b] = color.match(/[\\d.]+/g).map((text) => Number(text) / 255)
                .map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b;
        };
        const behind = (node) => {
            for (; node; node = node.parentElement) {
                const color = getComputedStyle(node).backgroundColor;
                if (!/, 0\\)$|transparent/.test(color)) return color;
            }
            return "rgb(255, 255, 255)";
        };
        const faint = [];
        for (const node of document.querySelectorAll("body *")) {
            const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
            if (!own || !node.offsetWidth || node.closest("svg, script, style, .vh")) continue;
            const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
            const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            let clear = 1;
            for (let at = node; at; at = at.parentElement) clear *= Number(getComputedStyle(at).opacity);
            if (contrast < 4.5 || clear < 1) faint.push([node.outerHTML.slice(0, 80), contrast.toFixed(2)]);
        }
        const named = (n) => n.textContent.trim() || n.getAttribute("aria-label") || n.closest("label");
        const nameless = [...document.querySelectorAll("button, input, select, a, summary")]
            .filter((n) => n.offsetWidth && !named(n)).map((n) => n.outerHTML.slice(0, 80));
        return {wide: document.documentElement.scrollWidth - innerWidth, faint, nameless,
                lang: document.documentElement.lang, h1: document.querySelectorAll("h1").length,
                scopes: [...document.querySelectorAll("th")].filter((th) => !th.scope).length,
                plots: document.querySelectorAll("svg.plot:not([aria-label])").length};""",
        f"--window-size={width},900",
    )
    assert isinstance(found, dict)
    assert found["faint"] == [] and found["nameless"] == []
    assert found["wide"] <= 0, "the page does not scroll sideways; its table does"
    assert (found["lang"], found["h1"], found["scopes"], found["plots"]) == ("en", 1, 0, 0)
