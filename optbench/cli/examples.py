"""An example for each command, at the end of its help; in this order they run in one empty folder."""

EXAMPLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "": (
        "Run a small sweep, ask whether the difference is real, and look a name up:",
        (
            'optbench sweep --problems quadratic --optimizers "gd, adam" --out first',
            "optbench compare first gd adam",
            "optbench show sgd",
        ),
    ),
    "sweep": (
        "Two optimizers on one problem, each tuned over five rates and those around the best of them, three batch "
        "sizes and five schedules; the verdict is printed, and first/report/index.html has it with what it rests on:",
        ('optbench sweep --problems quadratic --optimizers "gd, adam" --out first',),
    ),
    "merge": (
        "Merge two sweeps, perhaps of two machines, into one folder:",
        (
            'optbench sweep --problems beale --optimizers "gd, adam" --lr 0.01,0.1 \\',
            "    --epochs 5 --out one --no-report",
            'optbench sweep --problems saddle --optimizers "gd, adam" --lr 0.01,0.1 \\',
            "    --epochs 5 --out two --no-report",
            "optbench merge one two --out both --no-report",
        ),
    ),
    "report": (
        "The page of the sweep in `optbench sweep --help`, with its tables for a paper as files besides:",
        ("optbench report first --tables tex",),
    ),
    "status": (
        "How far the sweep in `optbench sweep --help` is, from another terminal or when it was stopped:",
        ("optbench status first",),
    ),
    "compare": (
        "All optimizers of the sweep in `optbench sweep --help`; and two of them, with exit code 1 where adam is shown "
        "to be twice as bad as gd, or worse:",
        ("optbench compare first", "optbench compare first gd adam --fail-above 100%"),
    ),
    "rank": (
        "Where lion stands beside the two of the sweep in `optbench sweep --help`, on its problem, seeds and trials:",
        ("optbench rank lion first",),
    ),
    "advise": (
        "What to try first on a network that takes batches of 64:",
        ("optbench advise --kind networks --batch-size 64",),
    ),
    "guide": (
        "The field guide of the atlas that ships:",
        ("optbench guide --out guide",),
    ),
    "export": (
        "The runs of the sweep in `optbench sweep --help` as tables for a spreadsheet:",
        ("optbench export first --to csv --out first-runs",),
    ),
    "lecture": (
        "What an exponentially weighted average costs, a claim of the lecture, on a smaller experiment:",
        ("optbench lecture B1 --quick --out lecture",),
    ),
    "check": (
        "A rule of your own, checked against the contract; and whether two take the same steps, as one would ask of "
        "--against torch:AdamW:",
        (
            "cat > softsign.py <<'END'",
            "from optbench import optimizer",
            "",
            '@optimizer(source="a sign that is smooth at 0", softness=0.1)',
            "def softsign(w, g, lr, softness):",
            '    """w = w - lr g / (|g| + softness)."""',
            "    return w - lr * g / (abs(g) + softness)",
            "END",
            "optbench check softsign.py",
            'optbench check "adam(eps=1e-8, eps_root=0)" --against adam_torch',
        ),
    ),
    "ewa": (
        "Averages over about 2 and 10 days:",
        (
            "printf 'day,price\\n1,20\\n2,22\\n3,19\\n4,25\\n' > prices.csv",
            "optbench ewa prices.csv --column price --beta 0.5 0.9",
        ),
    ),
    "list": (
        "List the schedules and their wrappers:",
        ("optbench list schedules",),
    ),
    "show": (
        "Find PyTorch's SGD; show a wrapped optimizer; and print a setting as code for PyTorch:",
        (
            "optbench show sgd",
            'optbench show "clip(heavy_ball(beta1=0.95), norm=1)"',
            'optbench show "momentum(beta1=0.9)" --as torch --lr 0.1 --schedule cosine',
        ),
    ),
    "info": (
        "Can a GPU be used on this machine, and what is missing?",
        ("optbench info --json",),
    ),
}
"""By command, "" for all of them: what the example does, and its lines as a shell reads them."""
