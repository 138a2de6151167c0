"""The lesson of each section: what the lecture teaches there, in a few sentences above its claims."""

LESSONS = {
    "A": "Batch gradient descent looks at every example before it takes one step. Mini-batch gradient descent takes "
    "a step after each small part of the set, so that a single pass over the data brings many steps. The price "
    "is noise: the gradient of B examples differs from that of all of them by an amount that falls like 1/√B. "
    "The cost therefore goes down on the whole but not at every step, and which size is best depends on the set "
    "and on whether one counts steps, passes or seconds.",
    "B": "An exponentially weighted average follows a noisy series with a single number of memory: vₜ = β vₜ₋₁ + (1 "
    "− β) θₜ. The weight of a value falls by the factor β with each day that it is older, so the average covers "
    "about 1/(1 − β) days. A large β is smooth and comes late, a small β is quick and noisy. As v₀ = 0, the "
    "first averages are too low, and dividing by 1 − βᵗ mends that. Momentum, RMSProp and Adam are made of such "
    "averages.",
    "C": "Where a valley is much steeper across than along, gradient descent swings from side to side and hardly "
    "gets ahead: the steep direction limits its rate. Momentum averages the gradients, so that what changes "
    "sign cancels. RMSProp divides each coordinate by the size of its recent gradients, so that steep ones take "
    "shorter steps and flat ones longer ones. Adam does both, with the bias correction. The claims ask how much "
    "of this one sees when each method has its own best rate.",
    "D": "Under the noise of mini-batches a constant rate brings the weights near the minimum, where they then "
    "wander: the smaller the batch and the larger the rate, the wider. A rate that falls over the epochs takes "
    "large steps while they help and small ones later. If it falls too fast, the weights stop on the way.",
    "E": "A point of zero gradient is a minimum only if the cost curves upward in every direction. With thousands of "
    "parameters that is unlikely, and such a point is most often a saddle, from which some direction leads "
    "down. The trouble is time: around a saddle and on a plateau the gradient is close to zero over a long way. "
    "Methods that rescale gradients cross such places sooner; a memory alone may not help.",
    "F": "When training takes too long there are several things to try: a better initialization, mini-batches, Adam, "
    "and a tuned rate. They are tried here alone and together, on one deep network.",
}
