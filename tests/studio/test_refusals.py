"""Refusals: the answers to requests that are not carried out, and what their sentences are about."""

import pytest

from brushwork.errors import PictureError
from brushwork.studio.refusals import Missing, Reason, Refused, Wrong, answer, wrong


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (Refused(409, "there is a newer request"), 409, "there is a newer request"),
        (Wrong("stop it first"), 422, "stop it first"),
        (Missing(), 404, "there is no such picture"),
        (KeyError("0007"), 404, "there is no such picture"),
        (ValueError("this is too much"), 422, "this is too much"),
        (ValueError(), 422, "this is not possible"),
        (PictureError("cannot read x: truncated"), 422, "cannot read x: truncated"),
        (OSError(28, "No space left on device"), 507, "the server cannot do this: No space left on device"),
    ],
)
def test_answers(error, status, sentence):
    errors = [{"sentence": sentence, "fields": (), "styles": ()}]
    assert answer(error) == (status, {"error": sentence, "errors": errors})


def test_each_sentence_names_its_fields():
    sentences = ["--tv-weight must be a number", "--width and --height both set the size", "--output is no setting"]
    status, given = answer(wrong(sentences))
    assert (status, given["error"]) == (422, "; ".join(sentences))
    assert [each["fields"] for each in given["errors"]] == [("tv_weight",), ("width", "height"), ()]
    assert answer(Wrong(Reason("the mask is empty", styles=(1,))))[1]["errors"][0]["styles"] == (1,)
