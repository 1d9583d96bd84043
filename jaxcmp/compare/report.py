"""The report: what all sections say of all groups of runs, and its files in a folder."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import structs

from jaxcmp import files
from jaxcmp.compare.accounting import about_recipes, account
from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import (
    Block,
    Comparison,
    Figure,
    Finding,
    LeftOut,
    Report,
    Source,
    from_json,
    to_json,
)
from jaxcmp.compare.pages.figures import draw, file_of
from jaxcmp.compare.pages.markdown import render_markdown
from jaxcmp.compare.pages.page import render_html
from jaxcmp.compare.sections.answer import Answer
from jaxcmp.compare.sections.claims import blog_post_section
from jaxcmp.compare.sections.classes import classes_section
from jaxcmp.compare.sections.confidence import confidence_section
from jaxcmp.compare.sections.cost import cost_section
from jaxcmp.compare.sections.curves import curves_section, opening_figure
from jaxcmp.compare.sections.data_size import data_size_section
from jaxcmp.compare.sections.methods import methods_section
from jaxcmp.compare.sections.other_images import other_images_section
from jaxcmp.compare.sections.pretraining import pretraining_section
from jaxcmp.compare.sections.recipes import recipes_section
from jaxcmp.compare.sections.results import facts, results_section, tradeoff
from jaxcmp.compare.sections.same_images import same_images_section
from jaxcmp.compare.sections.settings_tried import settings_tried_section
from jaxcmp.compare.sections.why import why_section
from jaxcmp.compare.sections.work import work_section
from jaxcmp.compare.verdict import NUMBERS, answer, title_of
from jaxcmp.runs import config_hash

# In the order in which they are read.
SECTIONS: tuple[Callable[[Group], Answer], ...] = (
    *(results_section, settings_tried_section, curves_section, recipes_section, cost_section),
    *(data_size_section, pretraining_section, classes_section, same_images_section),
    *(other_images_section, why_section, work_section, confidence_section, blog_post_section),
    methods_section,
)
# How sure a lead is comes first, and what explains it before what goes with it.
FINDINGS = (
    *(same_images_section, other_images_section, recipes_section, why_section),
    *(cost_section, data_size_section, pretraining_section, classes_section, work_section),
)
MAX_FINDINGS = 5
PAGE = "index.html"
FIGURES = "figures"


def build(
    groups: Sequence[Group], left_out: Sequence[LeftOut], missing: Sequence[LeftOut] = ()
) -> Report:
    """Makes one comparison for each group of runs that were tested on the same images.

    `missing` are the runs of a study that are not finished, each with the reason; what is missing
    is not also left out.
    """
    comparisons = [_comparison(each, f"c{i}") for i, each in enumerate(groups)]
    if len(comparisons) > 1:
        comparisons = [_with_own_names(each) for each in comparisons]
    arms = [arm for each in groups for arm in each.all_arms]
    runs = {
        each.number: Source(each.folder, arm.name, each.seed, config_hash(each.run.config))
        for arm in arms
        for each in arm.outcomes
    }
    told = {os.path.realpath(each.folder) for each in missing}
    return Report(
        comparisons,
        [runs[number] for number in sorted(runs)],
        [each for each in left_out if os.path.realpath(each.folder) not in told],
        missing=list(missing),
    )


def write_report(report: Report, folder: Path) -> Path:
    """Writes report.json, and from it alone figures, report.md and index.html; gives the last.

    Raises JaxcmpError if the folder cannot be written. What else lies in it is left alone.
    """
    content = to_json(report)
    report = from_json(content)
    drawings = {figure.name: draw(figure) for figure in _figures(report)}
    with files.writing(folder):
        (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    # Files that belong together: of several reports at once, those of the last one stay.
    with files.one_at_a_time(folder):
        with files.writing(folder):
            # Only what an earlier report drew there: other pictures are somebody's own.
            for name in _names_drawn_before(folder / "report.json") - set(drawings):
                (folder / FIGURES / f"{name}.svg").unlink(missing_ok=True)
        for figure in _figures(report):
            drawing = file_of(figure, drawings[figure.name])
            files.replace_file(folder / FIGURES / f"{figure.name}.svg", drawing)
        files.replace_file(folder / "report.json", content)
        files.replace_file(folder / "report.md", render_markdown(report).encode())
        # Last: whoever opens the page finds everything beside it.
        files.replace_file(folder / PAGE, render_html(report, drawings).encode())
    return folder / PAGE


def _figures(report: Report) -> list[Figure]:
    opening = [each.opening for each in report.comparisons if each.opening]
    sections = [section for each in report.comparisons for section in each.sections]
    blocks = [block for each in sections for block in (*each.blocks, *each.details)]
    return opening + [block for block in blocks if isinstance(block, Figure)]


def _names_drawn_before(path: Path) -> set[str]:
    """The figures of the report that lies there; none if there is none that can be read."""
    try:
        names = {figure.name for figure in _figures(from_json(path.read_bytes()))}
    except (OSError, ValueError, msgspec.MsgspecError):
        return set()
    # A name from a file is no path to anywhere else.
    return {name for name in names if Path(name).name == name}


def _comparison(group: Group, name: str) -> Comparison:
    answers = {section: section(group) for section in SECTIONS}
    suggestions = [suggestion for each in answers.values() for suggestion in each.more]
    table = tradeoff(group)
    # The note of the table says what ± is.
    numbers = [NUMBERS] if len(group.arms) > 2 and table is None else []
    return Comparison(
        id=name,
        data=group.data,
        title=title_of(group.arms),
        arms=[arm.name for arm in group.arms],
        verdict=[*answer(group), *about_recipes(group)],
        facts=facts(group),
        opening=opening_figure(group),
        findings=first_findings([answers[section].findings for section in FINDINGS]),
        tradeoff=table,
        notes=[*account(group), *numbers],
        sections=[each.section for each in answers.values() if each.section],
        more=list({each.command: each for each in suggestions}.values()),
        runs=[run for arm in group.all_arms for run in arm.runs],
    )


def first_findings(by_section: Sequence[Sequence[Finding]]) -> list[Finding]:
    """The first of each section, then others while there is room; together by section."""
    found = [
        (number, place, finding)
        for place, own in enumerate(by_section)
        for number, finding in enumerate(own)
    ]
    chosen = sorted(found, key=lambda each: each[:2])[:MAX_FINDINGS]
    return [finding for _, _, finding in sorted(chosen, key=lambda each: (each[1], each[0]))]


def _with_own_names(comparison: Comparison) -> Comparison:
    """Figures of several comparisons lie in one folder."""

    def rename(block: Block) -> Block:
        is_figure = isinstance(block, Figure)
        return structs.replace(block, name=f"{comparison.id}-{block.name}") if is_figure else block

    sections = [
        structs.replace(
            each, blocks=list(map(rename, each.blocks)), details=list(map(rename, each.details))
        )
        for each in comparison.sections
    ]
    opening = comparison.opening and rename(comparison.opening)
    return structs.replace(comparison, sections=sections, opening=opening)
