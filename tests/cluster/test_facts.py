"""What workers say of themselves."""

import os

import pytest

from brushwork.cluster import facts
from tests.cluster.fakes import own_facts


def test_the_same_program_is_no_objection():
    assert facts.objection(facts.here(), facts.here(), "bfloat16") is None


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ([("a", (0, 1, 2, 3))], 4),
        ([("a", (0, 1, 2, 3))] * 2, 2),
        ([("a", (0,)), ("a", (1,))], 1),  # pinned to a core each
        ([("a", (0,))] * 3, 1),
        ([("a", tuple(range(8))), ("b", tuple(range(64)))], 8),
    ],
)
def test_threads(hosts, expected):
    assert facts.threads_of([own_facts(host=host, cores=cores) for host, cores in hosts]) == expected


def test_bfloat16_needs_processors_of_a_kind():
    with_units, without = own_facts(processor=("amx_bf16",)), own_facts(processor=("avx2",))
    assert facts.objection(without, with_units, "float32") is None
    assert "bfloat16 units" in facts.objection(without, with_units, "bfloat16")
    assert "bfloat16 units" in facts.objection(with_units, without, "bfloat16")


def test_other_kernels(monkeypatch):
    other = own_facts(environment=facts.here().environment | {"TF_ENABLE_ONEDNN_OPTS": "7"})
    assert "TF_ENABLE_ONEDNN_OPTS is 7 there and" in facts.objection(other, facts.here())


def test_the_environment_is_left_alone_once_tensorflow_is_imported(monkeypatch):
    import tensorflow  # noqa: F401

    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    facts.adopt({"TF_ENABLE_ONEDNN_OPTS": "0"})
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"


def test_the_program_is_known_by_its_source():
    assert len(facts.program_digest()) == 64
