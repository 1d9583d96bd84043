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
# Of arms that began from pretrained weights.
TUNED: dict[str, Callable[[Claim, Study, Measured], Judgement]] = {
    "tuned_accuracy": trained_claims.judge_tuned_accuracy,
    "tuned_gap": trained_claims.judge_tuned_gap,
}
TRAINED = {**BEST, **BY_CLASS, **TUNED, "time_ratio": trained_claims.judge_time_ratio}


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
    return Section("claims", TITLE, [*blocks, *_commands(study, judgements)])


def _commands(study: Study, judgements: Sequence[Judgement]) -> list[Block]:
    """What would judge the claims that runs left open."""
    waiting = [c for c, j in zip(study.claims, judgements, strict=True) if _is_waiting(c, j)]
    blocks: list[Block] = []
    if not all(claim.is_tuned for claim in waiting):
        blocks.append(Text("Runs in the study's setting would judge what is left open:"))
        blocks.append(Commands([arm.command for arm in study.arms.values()]))
    models = [key for claim in waiting if claim.is_tuned for key in claim.arms]
    if models:
        text = "Runs from pretrained weights, with their files in place, would judge the claims on "
        blocks.append(Text(f"{text}pretraining:"))
        lines = [study.tuned[key].command for key in dict.fromkeys(models)]
        blocks.append(Commands(lines))
    return blocks


def judge(claim: Claim, study: Study, measured: Measured) -> Judgement:
    """By runs in the study's setting, or without any where its models decide.

    Raises KeyError for a measure that is not known.
    """
    if claim.measure in EXACT:
        judgement = EXACT[claim.measure](claim, study)
    else:
        decide, lacking = TRAINED[claim.measure], _lacking(claim, study, measured)
        judgement = undecided(lacking) if lacking else decide(claim, study, measured)
    return dataclasses.replace(judgement, reason=f"{judgement.reason} {claim.note}".rstrip())


def _lacking(claim: Claim, study: Study, measured: Measured) -> str | None:
    """Why runs cannot judge the claim."""
    arms, stated = (measured.tuned, study.tuned) if claim.is_tuned else (measured.arms, study.arms)
    for key in claim.arms:
        arm, label = arms.get(key), stated[key].label
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
    if claim.measure == "tuned_gap":
        return f"above {claim.stated[0]:g} {claim.unit}"
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
