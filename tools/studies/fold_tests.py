"""What a p-value from the folds of a cross-validation is worth: level and power of three rules on Gaussian features.

Boosted trees tell two samples of 300 apart, by 40 features of which half depend on each other; in the second run one
feature is shifted by 0.6 standard deviations. Printed: how the rank sums of two folds are correlated, and how often
each rule falls below 5 %.
"""

import argparse

import numpy as np
from scipy.stats import mannwhitneyu, norm
from sklearn.ensemble import HistGradientBoostingClassifier

from caloforge.classifiers.two_sample import cauchy_combination
from caloforge.rng import stream

SHOWERS, FEATURES, FOLDS, LEVEL = 300, 40, 5, 0.05


def fold_p_values(rng: np.random.Generator, shift: float) -> list[float]:
    """Of one pair of samples: rank-sum p-values of the folds, each scored by trees of the others."""
    x = rng.standard_normal((2 * SHOWERS, FEATURES))
    x[:, : FEATURES // 2] += rng.standard_normal((2 * SHOWERS, 1))
    labels = np.repeat([0, 1], SHOWERS)
    x[labels == 1, 0] += shift
    folds, p_values = rng.permutation(2 * SHOWERS) % FOLDS, []
    for k in range(FOLDS):
        trees = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=12, learning_rate=0.06, max_features=0.3)
        trees.set_params(random_state=int(rng.integers(2**31))).fit(x[folds != k], labels[folds != k])
        scores, held_out = trees.decision_function(x[folds == k]), labels[folds == k]
        test = mannwhitneyu(scores[held_out == 1], scores[held_out == 0], alternative="greater")
        p_values.append(float(test.pvalue))
    return p_values


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    options = parser.parse_args()
    print("| shift | correlation of folds | Cauchy | twice the mean | mean, as if independent |\n|---|---|---|---|---|")
    for shift in (0.0, 0.6):
        rng = stream(1, f"folds {shift}")
        p = np.array([fold_p_values(rng, shift) for _ in range(options.pairs)])
        z = norm.isf(p)
        correlation = np.corrcoef(z.T)[np.triu_indices(FOLDS, 1)].mean()
        rules = (
            np.array([cauchy_combination(row) for row in p.tolist()]),
            2 * p.mean(axis=1),
            norm.sf(z.sum(axis=1) / np.sqrt(FOLDS)),
        )
        shares = " | ".join(f"{100 * np.mean(rule <= LEVEL):.1f} %" for rule in rules)
        print(f"| {shift} | {correlation:.2f} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
