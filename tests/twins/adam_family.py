"""Twins of what came after Adam, coordinate by coordinate."""

from itertools import count

import numpy as np

from twins.drive import twin


@twin
def amsgrad(w, *, beta1=0.9, beta2=0.999, eps=1e-8):
    """Reddi, Kale and Kumar 2018, Algorithm 2, with the bias corrections of torch.optim.Adam(amsgrad=True)."""
    m, v, v_max = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        v_max = np.maximum(v_max, v)
        w = w - lr * m / (1 - beta1**t) / (np.sqrt(v_max / (1 - beta2**t)) + eps)


@twin
def adamax(w, *, beta1=0.9, beta2=0.999, eps=1e-8):
    """Kingma and Ba 2015, Algorithm 2; eps beside |g| as in torch.optim.Adamax."""
    m, u = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g) + eps)
        w = w - lr / (1 - beta1**t) * m / u


@twin
def nadam(w, *, beta1=0.9, beta2=0.999, eps=1e-8, momentum_decay=0.004):
    """torch.optim.NAdam, from the algorithm in its documentation; all products of the mu_t from scratch."""
    mu = []
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        for s in range(len(mu) + 1, t + 2):
            mu.append(beta1 * (1 - 0.5 * 0.96 ** (s * momentum_decay)))
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = mu[t] * m / (1 - np.prod(mu)) + (1 - mu[t - 1]) * g / (1 - np.prod(mu[:t]))
        w = w - lr * m_hat / (np.sqrt(v / (1 - beta2**t)) + eps)


@twin
def radam(w, *, beta1=0.9, beta2=0.999, eps=1e-8):
    """Liu et al. 2020, Algorithm 2, eps as in torch.optim.RAdam; rho in the paper's form, always in float64."""
    m, v, b = np.zeros_like(w), np.zeros_like(w), float(beta2)
    rho_inf = 2 / (1 - b) - 1
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        rho = rho_inf - 2 * t * b**t / (1 - b**t)
        if rho > 5:
            r = ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5
            w = w - lr * m_hat * w.dtype.type(r * (1 - b**t) ** 0.5) / (np.sqrt(v) + eps)
        else:
            w = w - lr * m_hat


@twin
def adabelief(w, *, beta1=0.9, beta2=0.999, eps=1e-16, eps_root=1e-16):
    """Zhuang et al. 2020, Algorithm 2."""
    m, s = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps_root
        w = w - lr * m / (1 - beta1**t) / (np.sqrt(s / (1 - beta2**t)) + eps)


@twin
def yogi(w, *, beta1=0.9, beta2=0.999, eps=1e-3, initial=1e-6):
    """Zaheer et al. 2018, Algorithm 2, with Adam's bias corrections."""
    m, v = np.zeros_like(w), np.full_like(w, initial)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        v = v - (1 - beta2) * np.sign(v - g**2) * g**2
        w = w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)


@twin
def adabound(w, *, beta1=0.9, beta2=0.999, final_lr=0.1, gamma=1e-3, eps=1e-8):
    """Luo et al. 2019, Algorithm 2, the bounds and Adam's corrections as in the authors' code."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        rate = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t) / (np.sqrt(v) + eps)
        w = w - np.clip(rate, final_lr * (1 - 1 / (gamma * t + 1)), final_lr * (1 + 1 / (gamma * t))) * m


@twin
def qhadam(w, *, beta1=0.995, beta2=0.999, nu1=0.7, nu2=1.0, eps=1e-8):
    """Ma and Yarats 2019, QHAdam."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        w = w - lr * ((1 - nu1) * g + nu1 * m_hat) / (np.sqrt((1 - nu2) * g**2 + nu2 * v_hat) + eps)


@twin
def adopt(w, *, beta1=0.9, beta2=0.9999, eps=1e-6):
    """Taniguchi et al. 2024, Algorithm 2, clipped at t^(1/4) with t counted from 0; v_0 = g_0^2."""
    m, v = np.zeros_like(w), None
    for t in count(0):
        w, g, lr = yield w
        if v is None:
            v = g**2
            continue
        c = w.dtype.type(t**0.25)
        m = beta1 * m + (1 - beta1) * np.clip(g / np.maximum(np.sqrt(v), eps), -c, c)
        w = w - lr * m
        v = beta2 * v + (1 - beta2) * g**2


@twin
def adan(w, *, beta1=0.98, beta2=0.92, beta3=0.99, eps=1e-8, weight_decay=0.0):
    """Xie et al. 2022, Algorithm 1 with 1 - beta for the paper's beta, bias-corrected as in the authors' code."""
    m, v, n, last = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w), None
    for t in count(1):
        w, g, lr = yield w
        d = np.zeros_like(g) if last is None else g - last
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * d
        n = beta3 * n + (1 - beta3) * (g + beta2 * d) ** 2
        eta = lr / (np.sqrt(n / (1 - beta3**t)) + eps)
        w = (w - eta * (m / (1 - beta1**t) + beta2 * v / (1 - beta2**t))) / (1 + weight_decay * lr)
        last = g


@twin
def ademamix(w, *, beta1=0.9, beta2=0.999, beta3=0.9999, alpha=5.0, eps=1e-8):
    """Pagliardini et al. 2024, with constant alpha and beta3."""
    m1, m2, v = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m1 = beta1 * m1 + (1 - beta1) * g
        m2 = beta3 * m2 + (1 - beta3) * g
        v = beta2 * v + (1 - beta2) * g**2
        w = w - lr * (m1 / (1 - beta1**t) + alpha * m2) / (np.sqrt(v / (1 - beta2**t)) + eps)


TWINS = {
    rule.__name__: rule
    for rule in (amsgrad, adamax, nadam, radam, adabelief, yogi, adabound, qhadam, adopt, adan, ademamix)
}
