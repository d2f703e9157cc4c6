"""The objective: for what the sums of a style are kept."""

from types import SimpleNamespace

import numpy as np

from brushwork.engine.objective import StyleSums


def test_sums_are_kept_for_a_term_a_style_and_its_masks():
    asked = []
    evaluator = SimpleNamespace(total=lambda *given: asked.append(given) or len(asked))
    sums, one, other = StyleSums(evaluator), np.zeros((2, 3, 3)), np.ones((2, 3, 3))
    term, second = SimpleNamespace(name="style"), SimpleNamespace(name="texture")
    mask = {"style/source/relu1_1": np.ones((2, 3, 1))}
    given = ((term, one, {}), (term, other, {}), (term, one, mask), (second, one, {}))
    for _ in range(2):  # the second time, all are known
        assert [sums.of(*each) for each in given] == [1, 2, 3, 4]
    assert [output for _, output, _ in asked] == ["style_sums/style"] * 3 + ["style_sums/texture"]
