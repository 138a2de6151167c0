"""One worked example a command, shown at the end of its help; in this order they run in one empty folder."""

EXAMPLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "": (
        "Run a small sweep, ask what won, and see what there is to try next:",
        (
            'optbench sweep --problems quadratic --optimizers "gd, adam" --out first',
            "optbench compare first gd adam",
            "optbench list optimizers",
        ),
    ),
    "sweep": (
        "Two optimizers at three rates on one problem, in eight blocks of seeds; the verdict is printed, and "
        "first/report/index.html has it with what it rests on:",
        (
            'optbench sweep --problems "quadratic(dim=50)" --optimizers "gd, adam" \\',
            "    --batch-sizes 16,full --lr 1e-3:0.1:3 --blocks 8 --epochs 5 --out first",
        ),
    ),
    "merge": (
        "A sweep in two parts, which may run on two machines, as one folder:",
        (
            'set -- --problems beale --optimizers "gd, adam" --lr 1e-3:0.1:3 --epochs 5',
            'optbench sweep "$@" --shard 1/2 --out part1 --no-report',
            'optbench sweep "$@" --shard 2/2 --out part2 --no-report',
            "optbench merge part1 part2 --out joined",
        ),
    ),
    "report": (
        "The page of the sweep in `optbench sweep --help`, its figures as files for a paper besides:",
        ("optbench report first --format pdf --style paper --tables tex",),
    ),
    "compare": (
        "Two optimizers of the sweep in `optbench sweep --help`; exit code 1 where adam is shown to be worse by more "
        "than 5%:",
        ("optbench compare first gd adam --fail-above 5%",),
    ),
    "lecture": (
        "How far back an average remembers, and what rate decay buys, on smaller experiments:",
        ("optbench lecture B1 D1 --quick --out lecture",),
    ),
    "check": (
        "A rule of your own, checked against the contract:",
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
        "The schedules, and the wrappers that go around one:",
        ("optbench list schedules",),
    ),
    "show": (
        "What is PyTorch's SGD called here? And all about one setting of a wrapped optimizer:",
        (
            "optbench show sgd",
            'optbench show "clip(heavy_ball(beta1=0.95), norm=1)"',
        ),
    ),
    "info": (
        "Can a GPU be used here, and what is missing?",
        ("optbench info --json",),
    ),
}
"""By command, "" for all of them: what the example does, and its lines as a shell reads them."""
