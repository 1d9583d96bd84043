"""A report with every kind of block, two comparisons, and names that try to break out of a page."""

import base64
import io

import numpy as np
from PIL import Image

from jaxcmp.compare.document import (
    Axis,
    Block,
    Cell,
    Column,
    Commands,
    Comparison,
    Fact,
    Figure,
    Gallery,
    Heatmap,
    LeftOut,
    Picture,
    Plot,
    Report,
    Section,
    Series,
    Source,
    Table,
    Text,
)

# Names that someone may give to an arm, a class or a folder.
HOSTILE = [
    "<script>alert(1)</script>",
    '"onload="alert(2)',
    "$x$ & $\\frac{1$",
    "&amp; &lt;b&gt;",
    "_hidden | `pipe` *star*",
    "]]></style><img src=x onerror=alert(3)>",
    "</svg><svg/onload=alert(4)>",
    "鳥 \N{BIRD} \x00\x1b[31m",
]
ARMS = ["ResNet-18", "ViT-Tiny"]
CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def curves(arms=ARMS, num_epochs=40) -> Figure:
    """Thin lines per run and a thick mean with its band, in percent."""
    epochs = [float(epoch) for epoch in range(1, num_epochs + 1)]
    rng, series = np.random.default_rng(0), []
    for arm, name in enumerate(arms):
        rising = 94 - 5 * arm - (55 + 9 * arm) * np.exp(-np.array(epochs) / (6 + 3 * arm))
        runs = [rising + rng.normal(0, 0.7, num_epochs) for _ in range(3)]
        for seed, run in enumerate(runs):
            values = [
                None if arm == 1 and 9 < epoch < 12 else float(v)
                for epoch, v in zip(epochs, run, strict=True)
            ]
            series.append(Series(f"{name}, seed {seed}", epochs, values, "thin", arm, runs=[seed]))
        mean = np.mean(runs, axis=0)
        low, high = (mean - 1.2).tolist(), (mean + 1.2).tolist()
        series.append(Series(name, epochs, mean.tolist(), "thick", arm, low, high))
    accuracy = Plot("Test accuracy by epoch", Axis("Epoch"), Axis("Test accuracy, %"), series)
    rate = Plot(
        "Learning rate",
        Axis("Epoch"),
        Axis("Learning rate", scale="log"),
        [
            Series(name, epochs, [1e-3 * (arm + 1) * (1 - e / 41) for e in epochs], "thick", arm)
            for arm, name in enumerate(arms)
        ],
    )
    return Figure(
        "curves",
        [accuracy, rate],
        "Thin: one seed. Thick: their mean, with a band of 95 %.",
        "Test accuracy rises for both arms and is higher for the ResNet.",
    )


def gaps(names=CLASSES) -> Figure:
    """Points with whiskers by category on y, beside bars."""
    gap = np.linspace(18.6, 1.5, len(names))
    places = [float(i) for i in range(len(names))]
    points = Series(
        "Gap", gap.tolist(), list(places), "points", low=[*(gap - 2)], high=[*(gap + 2)]
    )
    zero = Series("", [0.0, 0.0], [-0.5, len(names) - 0.5], "reference")
    kinds = Axis("", "category", list(names))
    apart = [
        Series(
            name,
            (95 - 6 * arm - gap / 2).tolist(),
            list(places),
            "points",
            arm,
            low=(93 - 6 * arm - gap / 2).tolist(),
            high=(97 - 6 * arm - gap / 2).tolist(),
        )
        for arm, name in enumerate(ARMS)
    ]
    return Figure(
        "gaps",
        [
            Plot("Accuracy by class", Axis("Test accuracy, %"), kinds, apart),
            Plot("Gap by class", Axis("Gap (points)"), kinds, [points, zero]),
        ],
        "Sorted by gap; Wilson intervals.",
        "The gap is largest for the first class.",
    )


def confusion(names=CLASSES) -> Figure:
    """Returns two matrices and their difference."""
    rng, sides = np.random.default_rng(0), []
    for weight in (0.8, 1.6):
        values = rng.gamma(0.3, weight, (len(names), len(names)))
        np.fill_diagonal(values, 0)
        np.fill_diagonal(values, 100 - values.sum(axis=1))
        sides.append(np.round(values, 2))
    labels = ("True class", "Predicted class", list(names), list(names))
    panels: list[Plot | Heatmap] = [
        Heatmap(arm, *labels, side.tolist(), "%") for arm, side in zip(ARMS, sides, strict=True)
    ]
    panels.append(Heatmap("Difference", *labels, (sides[0] - sides[1]).tolist(), "points", True))
    return Figure("confusion", panels, "Shares of each true class.", "Both confuse cat and dog.")


def single() -> Figure:
    """Points over two log axes with a fit and a guide, and one panel only."""
    sizes = [2500.0, 5000.0, 12500.0, 25000.0, 50000.0]
    series = []
    for arm, name in enumerate(ARMS):
        error = [60 * (each / 2500) ** -(0.5 - 0.1 * arm) for each in sizes]
        series.append(
            Series(
                name,
                sizes,
                list(error),
                "points",
                arm,
                [e * 0.93 for e in error],
                [e * 1.07 for e in error],
            )
        )
        series.append(Series(f"{name}, fit", sizes, list(error), "dashed", arm))
    series.append(Series("chance", [2500, 50000], [90, 90], "reference"))
    axes = Axis("Training images", "log"), Axis("Test error, %", "log")
    return Figure(
        "data",
        [Plot("Error against training-set size", *axes, series)],
        "Dashed: the fitted power law.",
        "The error falls as a power of the size.",
    )


def bars() -> Figure:
    """Bars with categories on x."""
    parts = Axis("Component", "category", ["embedding", "attention", "MLP", "norms", "head"])
    places = [0.0, 1.0, 2.0, 3.0, 4.0]
    series = [
        Series(name, places, [2e4, 1.7e6 + arm * 1e6, 3.5e6, 9e3, 2e3], "bars", arm)
        for arm, name in enumerate(ARMS)
    ]
    return Figure(
        "parts",
        [Plot("Parameters by component", parts, Axis("Parameters"), series)],
        "Exact counts.",
        "Most parameters are in the MLP.",
    )


def picture(seed: int) -> str:
    stored = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stored, "png")
    return base64.b64encode(stored.getvalue()).decode()


def glance() -> Table:
    """Numbers, words and missing values."""
    columns = [Column("Quantity", False), *(Column(a, arm=i) for i, a in enumerate(ARMS))]
    rows = [
        ["Test accuracy (%)", (94.31, "94.31 ± 0.18, n = 3"), (89.02, "89.02 ± 0.31, n = 3")],
        ["Parameters", (11173962, "11,173,962"), (5362762, "5,362,762")],
        ["Multiply-adds per image", (555422720, "555,422,720"), (365107584, "365,107,584")],
        ["Not measured", (None, ""), (9.0, "9")],
        ["Training time (s)", (1200.0, "1,200"), (100.5, "100.5")],
    ]
    cells = [
        [
            Cell(row[0]),
            *(
                Cell(text, value, num=3, arm=i, runs=[0, 1, 2])
                for i, (value, text) in enumerate(row[1:])
            ),
        ]
        for row in rows
    ]
    return Table("Results at a glance", columns, cells, "Mean and 95 % interval over seeds.")


def claims() -> Table:
    columns = [Column("Claim", False), Column("Measured"), Column("Verdict", False)]
    rows = [
        [
            Cell("ResNet-18 wins by 6.44 points"),
            Cell("5.29 [4.9, 5.7]", 5.29),
            Cell("does not hold", verdict="fails"),
        ],
        [Cell("The ResNet is larger"), Cell("2.08 times", 2.08), Cell("holds", verdict="holds")],
        [Cell("A pretrained ViT reaches 98 %"), Cell(""), Cell("not measured", verdict="open")],
    ]
    return Table("What the study said", columns, rows)


def hostile_table() -> Table:
    """Fourteen columns, every name an attack."""
    columns = [Column(HOSTILE[i % len(HOSTILE)], is_numeric=i > 0) for i in range(14)]
    rows = [
        [
            Cell(f"{name} {row}" if i == 0 else f"{i * row}", None if i == 0 else float(i * row))
            for i in range(14)
        ]
        for row, name in enumerate(HOSTILE)
    ]
    return Table(HOSTILE[0], columns, rows, HOSTILE[5])


def sections() -> list[Section]:
    pictures = [
        Picture(
            picture(i) if i else None,
            f"a {name}, which the arms disagree on",
            [f"true: {name}", "ResNet-18: cat 98 %", "ViT-Tiny: dog 91 %"],
        )
        for i, name in enumerate(CLASSES[:6])
    ]
    note = Text(
        "Accuracy under mixing is measured against mixed targets, so it is no measure of fit."
    )
    return [
        Section("glance", "Results at a glance", [glance()]),
        Section("curves", "Training curves", [note, curves()]),
        Section("classes", "Per class", [gaps(), confusion()]),
        Section("images", "The same images", [Gallery(pictures, "Most confident disagreements.")]),
        Section("work", "Where the parameters are", [bars()]),
        Section("data", "More data", [single(), Text("Fitted with least squares.", "note")]),
        Section("claims", "What the study said, and what we measured", [claims()]),
        Section(
            "how",
            "How this was measured",
            [
                Commands(
                    [
                        "python -m jaxcmp.main --config=configs/vit.py:digits",
                        "python -m jaxcmp.compare runs/* --out=report",
                    ]
                )
            ],
        ),
    ]


def hostile_comparison() -> Comparison:
    """Nothing in it is what it should be, except that it has to be shown."""
    figure = curves(HOSTILE[:4], 8)
    panels = [
        *figure.panels,
        *gaps(HOSTILE).panels,
        *confusion(HOSTILE).panels,
        Plot("Nothing", Axis("x", "log"), Axis("y"), [Series(HOSTILE[0], [], [], "thick")]),
    ]
    blocks = [
        Text(HOSTILE[0], "answer"),
        Commands(HOSTILE[:3]),
        hostile_table(),
        Figure("hostile", panels, HOSTILE[5], HOSTILE[1]),
        Gallery([Picture('"><script>', HOSTILE[1], HOSTILE[:2])], HOSTILE[6]),
    ]
    return Comparison(
        'b" onclick="',
        HOSTILE[3],
        HOSTILE[0],
        HOSTILE[:4],
        HOSTILE[:2],
        [Fact(HOSTILE[5], HOSTILE[1], 0)],
        [Section('x"><b>', HOSTILE[6], blocks)],
    )


def report_of(*blocks: Block, title: str = "S") -> Report:
    """One comparison with one section, of these blocks."""
    section = Section("s", title, list(blocks))
    return Report([Comparison("c", "data", "Which?", [], ["An answer."], [], [section])], [], [])


def sample_report() -> Report:
    answer = (
        "ResNet-18 is ahead of ViT-Tiny by 5.29 points of test accuracy (95 % interval 4.90 to "
        "5.68, paired over the same images, p < 0.001, 3 seeds each)."
    )
    facts = [
        Fact("94.31 ± 0.18 %", "ResNet-18, last epoch, mean of 3", 0),
        Fact("89.02 ± 0.31 %", "ViT-Tiny, last epoch, mean of 3", 1),
        Fact("0.66×", "multiply-adds, ViT to ResNet"),
        Fact("2.9×", "seconds per epoch, ViT to ResNet"),
    ]
    verdict = [answer, "Nothing was selected on the test set."]
    title = "ResNet-18 or ViT-Tiny?"
    first = Comparison("cifar10", "cifar10", title, ARMS, verdict, facts, sections())
    return Report(
        [first, hostile_comparison()],
        [Source(f"runs/{arm}/{seed}", arm, seed, "0123abcd") for arm in ARMS for seed in range(3)],
        [LeftOut("runs/vit/3", "not finished"), LeftOut(HOSTILE[0], HOSTILE[5])],
    )
