"""Digests: which arrays they tell apart."""

import numpy as np

from brushwork.digest import digest_of


def test_arrays_that_differ_have_different_digests():
    six = np.arange(6, dtype=np.int32)
    others = [
        (six + 1,),
        (six.reshape(2, 3),),
        (six.reshape(3, 2),),  # the same bytes in another shape
        (six.view(np.uint32),),  # and of another type
        (six[:3], six[3:]),
        (six[3:], six[:3]),
        (),
    ]
    assert len({digest_of(*arrays) for arrays in ((six,), *others)}) == 8


def test_how_an_array_lies_in_memory_does_not_matter():
    picture = np.arange(24.0).reshape(2, 4, 3)
    flipped = picture[:, ::-1]
    assert digest_of(flipped) == digest_of(flipped.copy()) != digest_of(picture)
    assert digest_of(np.asfortranarray(picture)) == digest_of(picture)
