"""The blog post's claims one by one, each with what was measured and a verdict."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence

from msgspec import structs

from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Block, Cell, Column, Suggestion, Table, Text
from jaxcmp.compare.sections import columns, curve_judges, judges, why_judges
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.sections.blog_post import (
    BlogPost,
    Claim,
    Measured,
    MeasuredArm,
    is_near,
    load_claims,
    measured,
)
from jaxcmp.compare.sections.judges import Judgement, Undecided, decided
from jaxcmp.compare.words import NOT_CLEAR

TITLE = "The blog post's claims"
VERDICTS = {"holds": "holds", "fails": "does not hold", "open": "not measured"}
EACH_CLASS = ("class_accuracies", "class_gaps")
JUDGES: dict[str, Callable[[Claim, Sequence[MeasuredArm]], Judgement]] = {
    "best_accuracy": judges.judge_best,
    "best_accuracy_gap": judges.judge_best,
    "class_accuracies": judges.judge_classes,
    "class_gaps": judges.judge_classes,
    "largest_gap": judges.judge_largest_gap,
    # Of arms that began with pretrained weights.
    "tuned_accuracy": judges.judge_tuned_accuracy,
    "tuned_gap": judges.judge_lead,
    "time_ratio": judges.judge_time_ratio,
    "lead": judges.judge_lead,
    "needs": judges.judge_needs,
    "accuracy_at": judges.judge_accuracy_at,
    "rate_at": curve_judges.judge_rate_at,
    "convergence": curve_judges.judge_convergence,
    "jump": curve_judges.judge_jump,
    "smoothness": curve_judges.judge_smoothness,
    "crossover": why_judges.judge_crossover,
    "anywhere": why_judges.judge_anywhere,
    "global_shape": why_judges.judge_global_shape,
    "specialised": why_judges.judge_specialised,
}

# They state no number: it is enough to be above zero.
ABOVE = ("tuned_gap", "lead", "needs", "anywhere", "global_shape", "crossover")


def blog_post_section(group: Group) -> Answer:
    """Judges the blog post's claims, where an arm is in its setting or near it."""
    post = load_claims()
    is_any_near = any(is_near(post, arm) for arm in (*group.arms, *group.pretrained))
    return judged(measured(group, post), post) if is_any_near else Answer()


def judged(found: Measured, post: BlogPost) -> Answer:
    """The table of claims, one of those about classes, and runs that would judge what is open."""
    claims = [claim for claim in post.claims if claim.measure in JUDGES]
    judgements = [judge(claim, post, found) for claim in claims]
    blocks: list[Block] = [
        Text(_answer(judgements), "answer"),
        Text(f"The blog post: {post.name}. {post.setting}"),
        _table(claims, judgements),
    ]
    by_class = [claim for claim in claims if claim.measure in EACH_CLASS]
    details: list[Block] = [_class_table(post, found, by_class)] if by_class else []
    more = _commands(post, found, claims, judgements)
    return answered("blog-post", TITLE, blocks, details=details, folded="class by class", more=more)


def _commands(
    post: BlogPost, found: Measured, claims: Sequence[Claim], judgements: Sequence[Judgement]
) -> list[Suggestion]:
    """Suggests the runs that would judge the claims that are open."""
    waiting = [c for c, j in zip(claims, judgements, strict=True) if j.verdict == "open"]
    random = dict.fromkeys(key for claim in waiting if not claim.is_tuned for key in claim.arms)
    begun = dict.fromkeys(key for claim in waiting if claim.is_tuned for key in claim.arms)
    text = "The blog post's claims that are open here: a run of {} in its setting."
    return [
        Suggestion(text.format(arms[key].label), _next_seed(arms[key].command, there.get(key)))
        for keys, arms, there in (
            (random, post.arms, found.arms),
            (begun, post.tuned, found.tuned),
        )
        for key in keys
    ]


def _next_seed(command: str, arm: MeasuredArm | None) -> str:
    """The command for the first seed that there is no run of in the blog post's setting."""
    there = arm.seeds if arm and not arm.difference else []
    seed = next(i for i in itertools.count() if i not in there)
    return f"{command} --config.seed={seed}" if seed else command


def judge(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges a claim by runs in the blog post's setting.

    Raises KeyError for a measure that is not known.
    """
    decide = JUDGES[claim.measure]
    try:
        arms = _speakers(claim, post, measured)
        judgement = _with_runs(decide(claim, arms), arms)
    except Undecided as error:
        judgement = decided(None, Cell("–"), str(error))
    return dataclasses.replace(judgement, reason=f"{judgement.reason} {claim.note}".rstrip())


def _with_runs(judgement: Judgement, arms: Sequence[MeasuredArm]) -> Judgement:
    """Names the runs that a judgement was made from."""
    runs = [run for arm in arms for run in arm.runs]
    return dataclasses.replace(judgement, measured=structs.replace(judgement.measured, runs=runs))


def _speakers(claim: Claim, post: BlogPost, measured: Measured) -> list[MeasuredArm]:
    """Returns the arms that a claim is about; raises Undecided where one cannot speak."""
    arms, stated = (measured.tuned, post.tuned) if claim.is_tuned else (measured.arms, post.arms)
    for key in claim.arms:
        arm, label = arms.get(key), stated[key].label
        if arm is None:
            raise Undecided(f"No run of {label} is finished.")
        if arm.difference:
            text = f"The runs of {label} are not in the blog post's setting: {arm.difference}."
            raise Undecided(text)
        if arm.rivals:
            raise Undecided(
                f"{len(arm.rivals)} arms are {label} in the blog post's setting. As some held no "
                f"images out, only the test images could choose: {'; '.join(arm.rivals)}."
            )
        needed: object = True
        if claim.measure.startswith("best"):
            needed = arm.best_accuracies and arm.num_test
        elif claim.measure in (*EACH_CLASS, "largest_gap"):
            needed = set(post.classes) <= arm.class_accuracies.keys() and arm.num_test
        if not needed:
            raise Undecided(f"The runs of {label} do not say it.")
    return measured.of(claim)


def _answer(judgements: Sequence[Judgement]) -> str:
    verdicts = [judgement.verdict for judgement in judgements]
    holds, fails, still_open = (verdicts.count(verdict) for verdict in VERDICTS)
    return (
        f"Of the blog post's {len(verdicts)} claims that runs can judge, {holds} "
        f"hold{'s' * (holds == 1)}, {fails} do{'es' * (fails == 1)} not, and {still_open} could "
        "not be judged by these runs."
    )


def _table(claims: Sequence[Claim], judgements: Sequence[Judgement]) -> Table:
    # The verdict comes early: on a phone the last columns are out of sight.
    headings = columns.of_words("Claim", "Verdict", "The blog post", "Measured", "Reason")
    rows = [
        [
            Cell(claim.says),
            Cell(_verdict(judgement), verdict=judgement.verdict),
            Cell(_stated(claim)),
            judgement.measured,
            Cell(judgement.reason),
        ]
        for claim, judgement in zip(claims, judgements, strict=True)
    ]
    return Table("The blog post's claims", headings, rows)


def _verdict(judgement: Judgement) -> str:
    is_unclear = judgement.verdict == "open" and judgement.measured.value is not None
    return NOT_CLEAR if is_unclear else VERDICTS[judgement.verdict]


def _stated(claim: Claim) -> str:
    if claim.measure in EACH_CLASS:
        return f"{min(claim.stated):g} to {max(claim.stated):g} {claim.unit}"
    if not claim.stated:
        return "–"
    if claim.measure in ABOVE or claim.measure == "smoothness":
        bound = "above" if claim.measure in ABOVE else "at most"
        return f"{bound} {claim.stated[0]:g} {claim.unit}"
    numbers = " and ".join(f"{number:g}" for number in claim.stated)
    named = f"{claim.class_name}, " if claim.class_name else ""
    return f"{named}{numbers} {claim.unit}".rstrip()


def _class_table(post: BlogPost, measured: Measured, claims: Sequence[Claim]) -> Table:
    headings, rows = columns.of_words("Class"), [[Cell(name)] for name in post.classes]
    for claim in claims:
        label = " − ".join(post.arms[key].label for key in claim.arms)
        headings += [Column(f"{label}, the blog post, {claim.unit}"), Column(f"{label}, measured")]
        try:
            arms = _speakers(claim, post, measured)
            found = [_with_runs(each, arms) for each in judges.judge_each_class(claim, arms)]
        except Undecided:
            found = [decided(None, Cell("–"), "")] * len(rows)
        for row, stated, judgement in zip(rows, claim.stated, found, strict=True):
            shown = structs.replace(judgement.measured, verdict=judgement.verdict)
            row += [Cell(f"{stated:g}", stated), shown]
    note = "A class agrees where the blog post's number is within what seeds and test images allow."
    return Table("The blog post's classes", headings, rows, note)
