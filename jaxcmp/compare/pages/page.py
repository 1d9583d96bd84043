"""The report as one HTML file that needs nothing else: no network, no fonts, no other file."""

import base64
import hashlib
from importlib import resources

from jaxcmp.compare.document import Comparison, Fact, Report, Section
from jaxcmp.compare.pages.blocks import Ids, escape, render_block, render_heading, sign, with_arms
from jaxcmp.compare.pages.missing import LEFT_OUT, render_left_out, render_missing
from jaxcmp.compare.pages.palette import arm_name, style_sheet


def render_html(report: Report) -> str:
    """The whole page; with several comparisons, each has a heading and a list of its sections."""
    ids = Ids({"top", "content", "tip", LEFT_OUT})
    is_only = len(report.comparisons) == 1
    names = [ids.new(each.id) for each in report.comparisons]
    parts = [
        _comparison(comparison, name, ids, is_only)
        for comparison, name in zip(report.comparisons, names, strict=True)
    ]
    title = report.comparisons[0].title if is_only else "Comparison of runs"
    opening = "" if is_only else _opening(report, names)
    body = f"{render_missing(report, ids)}{opening}{''.join(parts)}{render_left_out(report, ids)}"
    return _document(title, body, _footer(report))


def _document(title: str, body: str, footer: str) -> str:
    script, style = _resource("page.js"), style_sheet() + _resource("page.css")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # The browser itself then refuses any script but this one, and whatever is not in this file.
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f'<body id="top">\n<a class="skip" href="#content">Skip to the content</a>\n'
        f'<main id="content" tabindex="-1">\n{body}</main>\n{footer}'
        '<div id="tip" role="status" hidden></div>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _resource(name: str) -> str:
    return resources.files("jaxcmp.compare.pages").joinpath(name).read_text(encoding="utf-8")


def _opening(report: Report, names: list[str]) -> str:
    """What stands above several comparisons, or above none."""
    if not report.comparisons:
        return "<header><h1>Comparison of runs</h1><p>No run is finished.</p></header>\n"
    links = "".join(
        f'<li><a href="#{name}">{escape(each.title)}</a> '
        f'<span class="note">{escape(each.data)}</span></li>'
        for each, name in zip(report.comparisons, names, strict=True)
    )
    return (
        f"<header><h1>{len(report.comparisons)} comparisons</h1>"
        "<p>Runs on other images, or on another part of them, are never averaged: "
        "each set of images has a comparison of its own.</p>"
        f'<nav aria-label="Comparisons"><ul class="comparisons">{links}</ul></nav></header>\n'
    )


def _comparison(comparison: Comparison, name: str, ids: Ids, is_only: bool) -> str:
    level = 1 if is_only else 2
    names = [ids.new(f"{name}-{section.id}") for section in comparison.sections]
    links = "".join(
        f'<li><a href="#{each}">{escape(section.title)}</a></li>'
        for section, each in zip(comparison.sections, names, strict=True)
    )
    first, *others = [with_arms(line, comparison.arms) for line in comparison.verdict] or [""]
    answer = f'<p class="answer">{first}</p>' + "".join(f"<p>{line}</p>" for line in others)
    facts = "".join(_fact(fact) for fact in comparison.facts)
    sections = "".join(
        _section(section, each, comparison.arms, ids, level + 1)
        for section, each in zip(comparison.sections, names, strict=True)
    )
    return (
        f'<article>\n<header><p class="eyebrow">{escape(comparison.data)}</p>'
        f"{render_heading(level, name, comparison.title)}{answer}"
        f'<dl class="facts">{facts}</dl></header>\n'
        f'<nav aria-label="{escape(comparison.title)}"><ul>{links}</ul></nav>\n'
        f"{sections}</article>\n"
    )


def _fact(fact: Fact) -> str:
    kind = "" if fact.arm is None else f' class="{arm_name(fact.arm)}"'
    label = f"{sign(fact.arm)}{escape(fact.label)}"
    return f"<div><dt>{label}</dt><dd{kind}>{escape(fact.text)}</dd></div>"


def _section(section: Section, name: str, arms: list[str], ids: Ids, level: int) -> str:
    blocks = "\n".join(render_block(block, arms, ids, section.title) for block in section.blocks)
    return f"<section>{render_heading(level, name, section.title)}\n{blocks}\n</section>\n"


def _footer(report: Report) -> str:
    num = len(report.runs)
    return (
        f"<footer><p>Made from {num} run{'' if num == 1 else 's'} by jaxcmp; "
        "every number is in <code>report.json</code>, with the runs that it was made from. "
        "Pointing at a figure shows its values, as do the arrow keys; "
        'a table is sorted by its headings.</p><p><a href="#top">Back to the top</a></p></footer>\n'
    )
