"""The report: what all sections say of all groups of runs, and its files in a folder."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from jaxcmp import files
from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.document import Comparison, Figure, LeftOut, Report, Section, Source
from jaxcmp.compare.pages.figures import draw_file
from jaxcmp.compare.pages.markdown import render_markdown
from jaxcmp.compare.pages.page import render_html
from jaxcmp.compare.report_json import from_json, to_json
from jaxcmp.compare.sections.budget import budget_section
from jaxcmp.compare.sections.claims import claims_section
from jaxcmp.compare.sections.classes import classes_section
from jaxcmp.compare.sections.confidence import confidence_section
from jaxcmp.compare.sections.curves import curves_section
from jaxcmp.compare.sections.data_size import data_size_section
from jaxcmp.compare.sections.findings import measured, sizes_of
from jaxcmp.compare.sections.glance import facts, glance_section
from jaxcmp.compare.sections.methods import methods_section
from jaxcmp.compare.sections.published import load_claims
from jaxcmp.compare.sections.recipes import recipes_section
from jaxcmp.compare.sections.same_images import same_images_section
from jaxcmp.compare.sections.transfer import transfer_section
from jaxcmp.compare.sections.work import work_section
from jaxcmp.compare.verdict import answer
from jaxcmp.runs import config_hash

PAGE = "index.html"
FIGURES = "figures"


def build(
    groups: Sequence[Group], left_out: Sequence[LeftOut], missing: Sequence[LeftOut] = ()
) -> Report:
    """One comparison for each group of runs that were tested on the same images.

    `missing` are the runs of a study that are not finished, each with the reason; what is missing
    is not also left out.
    """
    comparisons = [_comparison(each, f"c{i}") for i, each in enumerate(groups)]
    if len(comparisons) > 1:
        comparisons = [_with_own_names(each) for each in comparisons]
    arms = [arm for each in groups for arm in each.all_arms]
    runs = {outcome.number: _source(arm, outcome) for arm in arms for outcome in arm.outcomes}
    told = {Path(each.folder).resolve() for each in missing}
    return Report(
        comparisons,
        [runs[number] for number in sorted(runs)],
        [each for each in left_out if Path(each.folder).resolve() not in told],
        missing=list(missing),
    )


def write_report(report: Report, folder: Path) -> Path:
    """Writes report.json, and from it alone figures, report.md and index.html; gives the last.

    Raises JaxcmpError if the folder cannot be written. What else lies in it is left alone.
    """
    stored = json.dumps(to_json(report), indent=1, allow_nan=False, ensure_ascii=False)
    report = from_json(json.loads(stored))
    drawings = {figure.name: draw_file(figure) for figure in _figures(report)}
    with files.writing(folder):
        (folder / FIGURES).mkdir(parents=True, exist_ok=True)
        # Only what an earlier report drew there: other pictures are somebody's own.
        for name in _names_drawn_before(folder / "report.json") - set(drawings):
            (folder / FIGURES / f"{name}.svg").unlink(missing_ok=True)
    for name, drawing in drawings.items():
        files.replace_file(folder / FIGURES / f"{name}.svg", drawing)
    files.replace_file(folder / "report.json", stored.encode() + b"\n")
    files.replace_file(folder / "report.md", render_markdown(report).encode())
    # Last: whoever opens the page finds everything beside it.
    files.replace_file(folder / PAGE, render_html(report).encode())
    return folder / PAGE


def _figures(report: Report) -> list[Figure]:
    sections = [section for each in report.comparisons for section in each.sections]
    blocks = [block for section in sections for block in section.blocks]
    return [block for block in blocks if isinstance(block, Figure)]


def _names_drawn_before(path: Path) -> set[str]:
    """The figures of the report that lies there; none if there is none that can be read."""
    try:
        names = {figure.name for figure in _figures(from_json(json.loads(path.read_text())))}
    except (OSError, KeyError, TypeError, ValueError):
        return set()
    # A name from a file is no path to anywhere else.
    return {name for name in names if Path(name).name == name}


def _comparison(group: Group, name: str) -> Comparison:
    study = load_claims()
    return Comparison(
        id=name,
        data=group.data,
        title=f"{' or '.join(arm.name for arm in group.arms)}?",
        arms=[arm.name for arm in group.arms],
        verdict=answer(group),
        facts=facts(group),
        sections=[
            glance_section(group),
            curves_section(group),
            classes_section(group),
            same_images_section(group),
            work_section([sizes_of(arm) for arm in group.arms]),
            confidence_section(group),
            budget_section(group),
            recipes_section(group),
            data_size_section(group),
            transfer_section(group),
            claims_section(measured(group, study), study),
            methods_section(group),
        ],
        runs=[run for arm in group.all_arms for run in arm.runs],
    )


def _with_own_names(comparison: Comparison) -> Comparison:
    """Figures of several comparisons lie in one folder."""

    def rename(section: Section) -> Section:
        blocks = [
            dataclasses.replace(block, name=f"{comparison.id}-{block.name}")
            if isinstance(block, Figure)
            else block
            for block in section.blocks
        ]
        return dataclasses.replace(section, blocks=blocks)

    sections = [rename(section) for section in comparison.sections]
    return dataclasses.replace(comparison, sections=sections)


def _source(arm: Arm, outcome: Outcome) -> Source:
    return Source(outcome.folder, arm.name, outcome.seed, config_hash(outcome.run.config))
