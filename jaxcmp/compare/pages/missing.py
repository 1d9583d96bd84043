"""What is not in the report, as HTML: runs that a study lacks, and folders that were left out."""

from collections import Counter

from jaxcmp.compare.document import Cell, Column, LeftOut, Report, Table
from jaxcmp.compare.pages.blocks import Ids, escape, render_heading, render_table

# The id of the section at the end of the page.
LEFT_OUT = "left-out"
# So many are listed at the top as they are; more are folded away.
MAX_OPEN = 5
FINISHED_ONLY = "What follows is of the finished runs alone."


def render_missing(report: Report, ids: Ids) -> str:
    """What stands above everything else: that runs are missing, which and why; else nothing."""
    lines = []
    if report.incomplete:
        lines.append(f"<p><b>{escape(report.incomplete)}</b> {FINISHED_ONLY}</p>")
        lines.append(_listed(report.missing, ids))
    num = len(report.left_out)
    note = ""
    if num:
        folders = "1 folder was" if num == 1 else f"{num:,} folders were"
        link = f'<a href="#{LEFT_OUT}">which, and why</a>'
        note = f'<p class="note">{folders} left out: {link}.</p>'
    if not lines:
        return f"<aside>{note}</aside>\n" if note else ""
    return f'<aside class="missing-runs">{"".join(lines)}{note}</aside>\n'


def render_left_out(report: Report, ids: Ids) -> str:
    """The section at the end of the page, if anything was left out."""
    if not report.left_out:
        return ""
    table = _table("Left out", "Folder", report.left_out)
    return (
        f'<section class="last">{render_heading(2, LEFT_OUT, "Left out")}\n'
        f"{render_table(table, ids, is_titled=False)}</section>\n"
    )


def _listed(missing: list[LeftOut], ids: Ids) -> str:
    if len(missing) <= MAX_OPEN:
        lines = [f"<li><code>{escape(m.folder)}</code>: {escape(m.reason)}</li>" for m in missing]
        return f"<ul>{''.join(lines)}</ul>"
    reasons = Counter(each.reason for each in missing).most_common()
    told = [f"{escape(reason)} ({num:,})" for reason, num in reasons[:MAX_OPEN]]
    others = sum(num for _, num in reasons[MAX_OPEN:])
    told += [f"other reasons ({others:,})"] if others else []
    table = render_table(_table("Missing runs", "Run", missing), ids, is_titled=False)
    return f"<details><summary>{'; '.join(told)}</summary>{table}</details>"


def _table(title: str, what: str, listed: list[LeftOut]) -> Table:
    rows = [[Cell(each.folder), Cell(each.reason)] for each in listed]
    return Table(title, [Column(what, False), Column("Reason", False)], rows)
