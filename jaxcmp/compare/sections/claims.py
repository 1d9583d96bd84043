"""What a study said, and what we measured: its claims one by one, each with a verdict."""

import dataclasses
from collections.abc import Callable, Sequence

from jaxcmp.compare.document import Block, Cell, Column, Commands, Section, Table, Text
from jaxcmp.compare.sections import exact_claims, trained_claims
from jaxcmp.compare.sections.evidence import Judgement, Measured, undecided
from jaxcmp.compare.sections.published import Claim, Study, load_claims

TITLE = "What the study said, and what we measured"
VERDICTS = {"holds": "holds", "fails": "does not hold", "open": "not measured here"}

# Without a run: from the study's models alone.
EXACT: dict[str, Callable[[Claim, Study], Judgement]] = {
    "parameters": exact_claims.judge_parameters,
    "attention_share": exact_claims.judge_attention,
}
BY_CLASS: dict[str, Callable[[Claim, Study, Measured], Judgement]] = {
    "class_accuracies": trained_claims.judge_classes,
    "class_gaps": trained_claims.judge_classes,
    "largest_gap": trained_claims.judge_largest_gap,
}
BEST: dict[str, Callable[[Claim, Study, Measured], Judgement]] = {
    "best_accuracy": trained_claims.judge_best_accuracy,
    "best_accuracy_gap": trained_claims.judge_best_gap,
}
TRAINED = {**BEST, **BY_CLASS, "time_ratio": trained_claims.judge_time_ratio}
# What no run here can judge, and what would be needed.
OPEN = {"transfer": "It takes a model that was pretrained on other images, which no run here is."}


def claims_section(measured: Measured, study: Study | None = None) -> Section:
    """The table of claims, one of those about classes, and what runs would judge those left open.

    The study is by default the one that comes with the package.
    """
    study = load_claims() if study is None else study
    judgements = [judge(claim, study, measured) for claim in study.claims]
    blocks: list[Block] = [
        Text(_answer(judgements), "answer"),
        Text(f"The study: {study.name}. {study.setting}"),
        _table(study.claims, judgements),
    ]
    by_class = [claim for claim in study.claims if _is_each_class(claim)]
    if by_class:
        blocks.append(_class_table(study, measured, by_class))
    if any(map(_is_waiting, study.claims, judgements)):
        blocks.append(Text("Runs in the study's setting would judge what is left open:"))
        blocks.append(Commands([arm.command for arm in study.arms.values()]))
    return Section("claims", TITLE, blocks)


def judge(claim: Claim, study: Study, measured: Measured) -> Judgement:
    """By runs in the study's setting, or without any where its models decide.

    Raises KeyError for a measure that is not known.
    """
    if claim.measure in OPEN:
        return undecided(OPEN[claim.measure])
    if claim.measure in EXACT:
        judgement = EXACT[claim.measure](claim, study)
    else:
        decide, lacking = TRAINED[claim.measure], _lacking(claim, study, measured)
        judgement = undecided(lacking) if lacking else decide(claim, study, measured)
    return dataclasses.replace(judgement, reason=f"{judgement.reason} {claim.note}".rstrip())


def _lacking(claim: Claim, study: Study, measured: Measured) -> str | None:
    """Why runs cannot judge the claim."""
    for key in claim.arms:
        arm, label = measured.arms.get(key), study.arms[key].label
        if arm is None:
            return f"No run of {label} is finished."
        if arm.difference:
            return f"The runs of {label} are not in the study's setting: {arm.difference}."
        has_classes = set(study.classes) <= arm.class_accuracies.keys()
        said = {**dict.fromkeys(BEST, arm.best_accuracies), **dict.fromkeys(BY_CLASS, has_classes)}
        if claim.measure in said and not (said[claim.measure] and arm.num_test):
            return f"The runs of {label} do not say it."
    return None


def _answer(judgements: Sequence[Judgement]) -> str:
    verdicts = [judgement.verdict for judgement in judgements]
    holds, fails, still_open = (verdicts.count(verdict) for verdict in VERDICTS)
    return (
        f"Of the study's {len(verdicts)} claims, {holds} hold{'s' * (holds == 1)}, {fails} "
        f"do{'es' * (fails == 1)} not, and {still_open} could not be judged by these runs."
    )


def _table(claims: Sequence[Claim], judgements: Sequence[Judgement]) -> Table:
    # The verdict comes early: on a phone the last columns are out of sight.
    labels = ("Claim", "Verdict", "The study", "Measured", "Reason")
    columns = [Column(label, is_numeric=False) for label in labels]
    rows = [
        [
            Cell(claim.says),
            Cell(VERDICTS[judgement.verdict], verdict=judgement.verdict),
            Cell(_stated(claim)),
            judgement.measured,
            Cell(judgement.reason),
        ]
        for claim, judgement in zip(claims, judgements, strict=True)
    ]
    return Table("The study's claims", columns, rows)


def _stated(claim: Claim) -> str:
    if _is_each_class(claim):
        return f"{min(claim.stated):g} to {max(claim.stated):g} {claim.unit}"
    if claim.measure == "attention_share":
        return f"at least {claim.stated[0]:g} {claim.unit}"
    numbers = " and ".join(f"{number:g}" for number in claim.stated)
    named = f"{claim.class_name}, " if claim.class_name else ""
    return f"{named}{numbers}{'' if claim.unit == 'M' else ' '}{claim.unit}"


def _is_each_class(claim: Claim) -> bool:
    return claim.measure in ("class_accuracies", "class_gaps")


def _is_waiting(claim: Claim, judgement: Judgement) -> bool:
    """Whether runs that can be made here would judge it."""
    return judgement.verdict == "open" and claim.measure in TRAINED


def _class_table(study: Study, measured: Measured, claims: Sequence[Claim]) -> Table:
    columns, rows = [Column("Class", is_numeric=False)], [[Cell(name)] for name in study.classes]
    for claim in claims:
        label = " − ".join(study.arms[key].label for key in claim.arms)
        columns += [Column(f"{label}, the study, {claim.unit}"), Column(f"{label}, measured")]
        judgements = [undecided("")] * len(rows)
        if not _lacking(claim, study, measured):
            judgements = trained_claims.judge_each_class(claim, study, measured)
        for row, stated, judgement in zip(rows, claim.stated, judgements, strict=True):
            shown = dataclasses.replace(judgement.measured, verdict=judgement.verdict)
            row += [Cell(f"{stated:g}", stated), shown]
    note = "A class agrees where the study's number is within what seeds and test images allow."
    return Table("The study's classes", columns, rows, note)
