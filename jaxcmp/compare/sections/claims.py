"""The blog post's claims one by one, each with what was measured and a verdict."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence

from msgspec import structs

from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Block, Cell, Column, Suggestion, Table, Text
from jaxcmp.compare.sections import columns, judges, why_judges
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.sections.blog_post import (
    BlogPost,
    Claim,
    Speaker,
    find_speakers,
    is_near,
    load_claims,
)
from jaxcmp.compare.sections.rules import NOT_MEASURED, Judgement, Undecided, decided
from jaxcmp.compare.words import NOT_CLEAR

TITLE = "The blog post's claims"
# Who speaks for each model, by its name in claims.toml.
Found = Mapping[str, Speaker]
VERDICTS = {"holds": "holds", "fails": "does not hold", "open": "not measured"}
EACH_CLASS = ("class_accuracies", "class_gaps")
JUDGES: dict[str, Callable[[Claim, Sequence[Speaker]], Judgement]] = {
    "best_accuracy": judges.judge_best,
    "best_accuracy_gap": judges.judge_best,
    "class_accuracies": judges.judge_classes,
    "class_gaps": judges.judge_classes,
    "largest_gap": judges.judge_largest_gap,
    "reached_accuracy": judges.judge_reached,
    "time_ratio": judges.judge_time_ratio,
    "lead": judges.judge_lead,
    "needs": judges.judge_needs,
    "accuracy_at": judges.judge_accuracy_at,
    "rate_at": judges.judge_rate_at,
    "convergence": judges.judge_convergence,
    "jump": judges.judge_jump,
    "smoothness": judges.judge_smoothness,
    "crossover": why_judges.judge_crossover,
    "anywhere": why_judges.judge_anywhere,
    "global_shape": why_judges.judge_global_shape,
    "specialised": why_judges.judge_specialised,
}

NOTE = (
    "The blog post reports one run of each model, on the same test images: a number that it states "
    "holds where one further run of the arm could show it. Where a claim states several leads, all "
    "have to be clear for it to hold; one that is clear the other way round, after Holm's "
    "correction for all of them, is enough for it not to hold."
)
# They state no number: it is enough to be above zero.
ABOVE = ("lead", "needs", "anywhere", "global_shape", "crossover")


def blog_post_section(group: Group) -> Answer:
    """Judges the blog post's claims, where an arm is in its setting or near it."""
    post = load_claims()
    is_any_near = any(is_near(post, arm) for arm in (*group.arms, *group.pretrained))
    return judged(find_speakers(group, post), post) if is_any_near else Answer()


def judged(found: Found, post: BlogPost) -> Answer:
    """The table of claims, one of those about classes, and runs that would judge what is open."""
    made = {claim: judge(claim, post, found) for claim in post.claims}
    measured = {claim: judgement for claim, judgement in made.items() if judgement.is_measured}
    others = {claim: judgement for claim, judgement in made.items() if not judgement.is_measured}
    blocks: list[Block] = [
        Text(_answer(list(made.values())), "answer"),
        Text(f"The blog post: {post.name}. {post.setting}"),
    ]
    blocks += [_table(measured)] if measured else []
    by_class = [claim for claim in measured if claim.measure in EACH_CLASS]
    details: list[Block] = [_class_table(post, found, by_class)] if by_class else []
    details += _tables_by_reason(others)
    folded = ", ".join(["class by class"] * bool(by_class) + ["claims not measured"] * bool(others))
    more = _commands(post, found, made)
    return answered("blog-post", TITLE, blocks, details=details, folded=folded, more=more)


def _commands(post: BlogPost, found: Found, made: Mapping[Claim, Judgement]) -> list[Suggestion]:
    """Suggests the runs that would judge the claims that are open."""
    waiting = [claim for claim, judgement in made.items() if judgement.verdict == "open"]
    text = "The blog post's claims that are open here: a run of {} in its setting."
    # Runs that began at random come first.
    keys = dict.fromkeys(key for claim in waiting for key in claim.arms)
    return [
        Suggestion(
            text.format(post.arms[key].label), _next_seed(post.arms[key].command, found.get(key))
        )
        for key in sorted(keys, key=lambda key: bool(post.arms[key].seen))
    ]


def _next_seed(command: str, speaker: Speaker | None) -> str:
    """The command for the first seed that there is no run of in the blog post's setting."""
    is_fitting = speaker is not None and speaker.difference is None
    there = [each.seed for each in speaker.arm.outcomes] if speaker and is_fitting else []
    seed = next(i for i in itertools.count() if i not in there)
    return f"{command} --config.seed={seed}" if seed else command


def judge(claim: Claim, post: BlogPost, found: Found) -> Judgement:
    """Judges a claim by runs in the blog post's setting.

    Raises KeyError for a measure that is not known.
    """
    decide = JUDGES[claim.measure]
    try:
        speakers = _in_setting(claim, post, found)
        judgement = _with_runs(decide(claim, speakers), speakers)
    except Undecided as error:
        return decided(None, NOT_MEASURED, str(error))
    return dataclasses.replace(judgement, reason=f"{judgement.reason} {claim.note}".rstrip())


def _with_runs(judgement: Judgement, speakers: Sequence[Speaker]) -> Judgement:
    """Names the runs that a judgement was made from."""
    runs = [run for speaker in speakers for run in speaker.arm.runs]
    return dataclasses.replace(judgement, measured=structs.replace(judgement.measured, runs=runs))


def _in_setting(claim: Claim, post: BlogPost, found: Found) -> list[Speaker]:
    """Returns those that a claim is about; raises Undecided where one cannot speak."""
    for key in claim.arms:
        speaker, label = found.get(key), post.arms[key].label
        if speaker is None:
            raise Undecided(f"No run of {label} is finished.")
        if speaker.difference:
            text = f"The runs of {label} are not in the blog post's setting: {speaker.difference}."
            raise Undecided(text)
        if speaker.rivals:
            raise Undecided(
                f"{len(speaker.rivals)} arms are {label} in the blog post's setting. As some held "
                f"no images out, only the test images could choose: {'; '.join(speaker.rivals)}."
            )
    return [found[key] for key in claim.arms]


def _answer(judgements: Sequence[Judgement]) -> str:
    verdicts = [judgement.verdict for judgement in judgements]
    holds, fails, still_open = (verdicts.count(verdict) for verdict in VERDICTS)
    return (
        f"Of the blog post's {len(verdicts)} claims that runs can judge, {holds} "
        f"hold{'s' * (holds == 1)}, {fails} do{'es' * (fails == 1)} not, and {still_open} could "
        "not be judged by these runs."
    )


def _table(made: Mapping[Claim, Judgement]) -> Table:
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
        for claim, judgement in made.items()
    ]
    return Table("The blog post's claims", headings, rows, NOTE)


def _tables_by_reason(made: Mapping[Claim, Judgement]) -> list[Table]:
    """Makes a table of the claims that no run bears on for each reason."""
    by_reason: dict[str, list[list[Cell]]] = {}
    for claim, judgement in made.items():
        row = [Cell(claim.says), Cell(_stated(claim))]
        by_reason.setdefault(judgement.reason, []).append(row)
    return [
        Table(
            f"Not measured: {reason[0].lower()}{reason[1:].rstrip('.')}",
            columns.of_words("Claim", "The blog post"),
            rows,
        )
        for reason, rows in by_reason.items()
    ]


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


def _class_table(post: BlogPost, speakers: Found, claims: Sequence[Claim]) -> Table:
    headings, rows = columns.of_words("Class"), [[Cell(name)] for name in post.classes]
    for claim in claims:
        label = " − ".join(post.arms[key].label for key in claim.arms)
        headings += [Column(f"{label}, the blog post, {claim.unit}"), Column(f"{label}, measured")]
        own = _in_setting(claim, post, speakers)
        found = [_with_runs(each, own) for each in judges.judge_each_class(claim, own)]
        for row, stated, judgement in zip(rows, claim.stated, found, strict=True):
            shown = structs.replace(judgement.measured, verdict=judgement.verdict)
            row += [Cell(f"{stated:g}", stated), shown]
    note = "A class agrees where the blog post's number is what one further run could show."
    return Table("The blog post's classes", headings, rows, note)
