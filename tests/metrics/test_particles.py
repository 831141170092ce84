"""Two samples taken apart by particle."""

import numpy as np

from caloforge.metrics.particles import by_particle, particle_name


def test_each_particle_of_the_truth_has_a_part():
    truth, generated = np.array([211, 11, 211, -211]), np.array([11, 211, 22, 11])
    parts = [(name, t.tolist(), g.tolist()) for name, t, g in by_particle(truth, generated)]
    assert parts == [
        ("pi-", [False, False, False, True], [False, False, False, False]),
        ("e-", [False, True, False, False], [True, False, False, True]),
        ("pi+", [True, False, True, False], [False, True, False, False]),
    ]


def test_one_particle_is_one_part_whatever_was_generated():
    ((name, truth, generated),) = by_particle(np.array([22, 22]), np.array([0, 11, 22]))
    assert (name, truth.tolist(), generated.tolist()) == ("", [True, True], [True, True, True])


def test_numbers_that_no_table_knows_are_names_too():
    assert particle_name(13) == "mu-"
    assert particle_name(0) == "PDG 0"
    assert particle_name(123456789) == "PDG 123456789"
