"""Size and speed: where the parameters and the work are, and whether seconds follow the counts."""

import math
from collections.abc import Mapping, Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, all_devices
from jaxcmp.compare.document import Axis, Block, Cell, Column, Figure, Plot, Series, Table, Text
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, notes, texts
from jaxcmp.compare.statistics.means import Estimate, Lead, compare_ratio

TITLE = "Size and speed"
KINDS = {"parameters": "parameters", "multiply_adds": "multiply-adds of an image's forward pass"}
QUADRATIC = ("blocks.attention_scores", "blocks.attention_values")
COUNT_NOTE = (
    "Counts are exact, as each run wrote them. Norms, activations and the softmax are not counted "
    "as multiply-adds."
)
TIME_NOTE = (
    "A step is augmentation, forward pass, backward pass and update. Per image: the median step "
    "of a run divided by its batch, then the mean over runs with its 95 % t-interval, or each of "
    "fewer than three. Ratios of seconds are of geometric means with Welch's 95 % interval, "
    "on the same device only."
)
# The units that an axis of counts is marked in.
UNITS = ((1e9, "billion "), (1e6, "million "), (1e3, "thousand "))


def work_section(group: Group) -> Answer:
    arms = group.arms
    # Of two arms, ratios are of the more accurate to the other, as on the first screen.
    *_, base = group.ranked if len(arms) == 2 else arms[:1]
    # Arms of the same sizes share the figures and tables of the first of them.
    own = [arm for i, arm in enumerate(arms) if _counts(arm) not in map(_counts, arms[:i])]
    said = [text for arm in arms if arm is not base and (text := _time_sentence(arm, base))]
    details: list[Block] = [Text(text) for text in map(_answer, own)]
    details += [Text(text) for text in map(_attention, own) if text]
    details.append(_figure(own))
    for arm in own:
        details += [_table(arm, kind) for kind in KINDS]
        same = ", ".join(a.name for a in arms if a is not arm and _counts(a) == _counts(arm))
        details += notes(f"The same holds for {same}." if same else "")
    return answered(
        "work",
        TITLE,
        [*texts(*said), _time_table(arms, base)],
        findings=said if len(said) == 1 else (),
        details=details,
        folded="counts by component",
    )


def components(arm: Arm, kind: str) -> dict[str, int]:
    """The counts of a run, which are those of all, by component."""
    return arm.outcomes[0].run.cost[kind]["components"]


def _counts(arm: Arm) -> list[dict[str, int]]:
    return [components(arm, kind) for kind in KINDS]


def _answer(arm: Arm) -> str:
    parameters, work = _counts(arm)
    shares = []
    for counts in (parameters, work):
        name = max(counts, key=lambda each: counts[each])
        shares.append(f"{100 * counts[name] / sum(counts.values()):.2f} % of them in {name}")
    return (
        f"{arm.name} has {sum(parameters.values()):,} parameters, {shares[0]}, and does "
        f"{sum(work.values()):,} multiply-adds for an image, {shares[1]}."
    )


def _table(arm: Arm, kind: str) -> Table:
    headings = [*columns.of_words("Component"), Column("Count", arm=arm.index)]
    headings.append(Column("Share, %", arm=arm.index))
    counts = components(arm, kind)
    total = sum(counts.values())
    rows = []
    for name, count in [*counts.items(), ("all", total)]:
        share = cells.decimal(100 * count / total, arm.runs, digits=2)
        rows.append([Cell(name), cells.count(count, arm.runs), share])
    return Table(f"{arm.name}: {KINDS[kind]}", headings, rows, COUNT_NOTE)


def _figure(arms: Sequence[Arm]) -> Figure:
    panels = []
    for kind in KINDS:
        most = max(max(components(arm, kind).values()) for arm in arms)
        panels += [_panel(arm, kind, most) for arm in arms]
    names = " and ".join(arm.name for arm in arms)
    return Figure(
        "work",
        panels,
        "Parameters and multiply-adds by component.",
        f"Parameters and multiply-adds of each component of {names}.",
    )


def _panel(arm: Arm, kind: str, most: int) -> Plot:
    counts = components(arm, kind)
    size, unit = next((each for each in UNITS if most >= each[0]), (1.0, ""))
    places = [float(i) for i in range(len(counts))]
    values = [count / size for count in counts.values()]
    series = Series(arm.name, list(values), list(places), "bars", arm=arm.index, runs=arm.runs)
    axis = Axis(f"{unit}{KINDS[kind].partition(' ')[0]}")
    title = f"{arm.name}: {KINDS[kind]}"
    return Plot(title, axis, Axis("component", "category", list(counts)), [series])


def _attention(arm: Arm) -> str | None:
    """Says which part of the work is quadratic in the tokens, for a model that has tokens."""
    work, model = components(arm, "multiply_adds"), arm.config["model"]
    quadratic = sum(work.get(part, 0) for part in QUADRATIC)
    if not quadratic or "patch_size" not in model:
        return None
    tokens = (model["image_size"] // model["patch_size"]) ** 2 + 1
    share, half = quadratic / sum(work.values()), tokens_for_half(work, tokens)
    side = (half - 1) ** 0.5 * model["patch_size"]
    return (
        f"In {arm.name}, attention's part that grows with the square of the number of tokens is "
        f"{100 * share:.2f} % of the multiply-adds at {tokens:,} tokens. It would be a half at "
        f"{half:,} tokens, in an image of about {side:.0f} pixels a side, all else unchanged."
    )


def tokens_for_half(work: Mapping[str, int], tokens: int) -> int:
    """Returns the number of tokens at which the quadratic part is half of a ViT's multiply-adds.

    The class token is counted, but is not embedded from a patch.
    """
    embedding = work.get("patch_embedding", work.get("stem", 0))
    per_patch = embedding / (tokens - 1)
    linear = ("blocks.qkv", "blocks.projection", "blocks.mlp")
    # Half of the work is quadratic where a t^2 = b t + c.
    a = sum(work[part] for part in QUADRATIC) / tokens**2
    b = sum(work[name] for name in linear) / tokens + per_patch
    c = work["head"] - per_patch
    return math.ceil((b + math.sqrt(b**2 + 4 * a * c)) / (2 * a))


def _milliseconds(arm: Arm) -> dict[int, float]:
    """The training step per image of each run that recorded it."""
    medians = {o.number: o.run.cost["step_seconds"]["median"] for o in arm.outcomes}
    batch = arm.config["batch_size"]
    return {number: 1000 * each / batch for number, each in medians.items() if each is not None}


def _time_ratio(arm: Arm, base: Arm) -> Estimate | None:
    """Seconds per image over those of another arm; None where not all are of one device."""
    times, others = (list(_milliseconds(each).values()) for each in (arm, base))
    if len(all_devices(arm.outcomes + base.outcomes)) > 1 or not times or not others:
        return None
    return compare_ratio(times, others)


def _work(arm: Arm) -> int:
    return sum(components(arm, "multiply_adds").values())


def _time_table(arms: Sequence[Arm], base: Arm) -> Table:
    # Ratios come early: on a phone the last columns are out of sight.
    headings = columns.of_words("Arm")
    relative = f"relative to {base.name}"
    headings += columns.of_numbers(f"multiply-adds, {relative}", f"seconds, {relative}")
    headings += columns.of_numbers("Multiply-adds per image, forward")
    headings += columns.of_numbers("Training step per image, ms", "n", "Batch")
    headings += columns.of_words("Device")
    rows = []
    for arm in arms:
        found, ratio, devices = (
            _milliseconds(arm),
            _time_ratio(arm, base),
            all_devices(arm.outcomes),
        )
        times, measured = list(found.values()), list(found)
        # Three digits tell, whatever the size of the model.
        digits = max(0, 2 - math.floor(math.log10(sum(times) / len(times)))) if times else 0
        step = cells.mean(times, measured, digits=digits)
        share = _work(arm) / _work(base)
        seconds = cells.estimated(ratio, measured, unit="×") if ratio else Cell("–")
        if arm is base and ratio:
            seconds = cells.number(1.0, "1.00×", measured)
        rows.append(
            [
                columns.name(arm),
                cells.number(share, f"{share:.2f}×", arm.runs),
                seconds,
                cells.count(_work(arm), arm.runs),
                step if len(devices) == 1 else Cell("on several devices", runs=measured),
                cells.count(len(times), measured),
                cells.count(arm.config["batch_size"], arm.runs),
                Cell(" and ".join(devices)),
            ]
        )
    return Table("Multiply-adds beside seconds", headings, rows, TIME_NOTE)


def _time_sentence(arm: Arm, base: Arm) -> str | None:
    """Says whether multiply-adds and seconds rank this arm and another alike."""
    time = _time_ratio(arm, base)
    if time is None:
        return None
    work, (device,) = _work(arm) / _work(base), all_devices(arm.outcomes)
    if work == 1:
        meaning = "the counts are equal"
    elif time.lead is Lead.TIE:
        meaning = "their seconds are equal as measured"
    elif time.interval is None:
        meaning = (
            "with fewer than three runs, or equal ones, it is unknown whether their seconds differ"
        )
    elif not time.lead.is_real:
        meaning = "whether their seconds differ is not clear"
    elif (work > 1) == (time.lead is Lead.FIRST):
        meaning = "the one with more multiply-adds also takes longer"
    else:
        meaning = "the one with fewer multiply-adds takes longer"
    surely = ""
    if time.interval is not None:
        surely = f" (95 % interval {time.interval[0]:.2f} to {time.interval[1]:.2f})"
    return (
        f"{arm.name} does {work:.2f} times the multiply-adds of {base.name}, and its training "
        f"step takes {time.mean:.2f} times as long per image on {device}{surely}: {meaning}."
    )
