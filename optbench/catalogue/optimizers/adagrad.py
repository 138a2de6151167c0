"""AdaGrad: rates that only fall."""

from math import sqrt

from optbench import log_uniform, optimizer


@optimizer(
    source="Duchi, Hazan & Singer 2011, diagonal form (Fig. 1)",
    search={"lr": log_uniform(1e-3, 10)},
    search_source="1e-4 to 1 in Schmidt et al. 2021; a decade higher here: best at 0.1 to 3 on shipped problems",
    equals={
        "torch": "Adagrad(lr=lr, eps=eps)",
        "optax": "adagrad(lr, initial_accumulator_value=0.0, eps=0.0) if eps == 0 # optax adds eps inside the root",
        "keras": (
            "Adagrad(learning_rate=lr, initial_accumulator_value=0.0, epsilon=0.0) if eps == 0 # Keras adds "
            "epsilon inside the root"
        ),
    },
    eps=1e-10,
)
def adagrad(w, g, s, lr, eps):
    """s = s + g^2;  w = w - lr g / (sqrt(s) + eps)."""
    s = s + g * g
    return w - lr * g / (sqrt(s) + eps), s
