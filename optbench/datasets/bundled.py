"""Real sets that scikit-learn bundles."""

from optbench.datasets.record import Entry, Raw


def _diabetes():
    """Patients: ten measurements, and the progression of diabetes a year later."""
    from sklearn.datasets import load_diabetes

    source = "Efron et al. 2004: 442 patients, 10 features, progression after a year (scikit-learn)"
    return Raw(*load_diabetes(return_X_y=True), 0, source, target="target: progression after a year")


def _breast_cancer():
    """Tumours: thirty measurements of cell nuclei, and malignant (0) or benign (1)."""
    from sklearn.datasets import load_breast_cancer

    source = "Wolberg et al. 1995: 569 tumours, 30 features, malignant or benign (scikit-learn)"
    return Raw(*load_breast_cancer(return_X_y=True), 2, source, target="target: malignant or benign")


def _digits():
    """Images of handwritten digits, 8 x 8 pixels between 0 and 1."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    source = "Alpaydin & Kaynak 1998: 1,797 images of 8 x 8, digits 0 to 9 (scikit-learn)"
    return Raw(x / 16.0, y, 10, source, scaled=True, target="target: the digit")


SETS = {
    "diabetes": Entry(_diabetes, {}, 442, 10, "real", "Efron et al. 2004: progression after a year"),
    "breast_cancer": Entry(_breast_cancer, {}, 569, 30, "2 classes", "Wolberg et al. 1995: malignant or benign"),
    "digits": Entry(_digits, {}, 1797, 64, "10 classes", "Alpaydin & Kaynak 1998: 8 x 8 images of digits"),
}
