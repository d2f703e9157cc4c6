"""Names: what is shown, and what becomes part of the name of a file."""

import pytest

from brushwork.studio import names


@pytest.mark.parametrize(
    ("given", "shown", "for_file"),
    [
        ("Köln.jpg", "Köln", "Köln"),
        ("Ko\u0308ln.jpg", "Köln", "Köln"),  # as macOS writes it
        ("C:\\Bilder\\Ferien 2024.JPEG", "Ferien 2024", "Ferien-2024"),
        ("中文 画.png", "中文 画", "中文-画"),
        ("नमस्ते.png", "नमस्ते", "नमस्ते"),  # with combining marks
        ("St. Ives", "St. Ives", "St-Ives"),
        ("1889.06", "1889.06", "1889-06"),
        ("<b>x</b>.png", "b>", "b"),
        ("a\nb\u202e\x07.png", "a b", "a-b"),
        ("\ud800.png", "picture", "picture"),
        ("...", "...", "picture"),
        ("", "picture", "picture"),
    ],
    ids=ascii,
)
def test_names(given, shown, for_file):
    assert names.shown(given) == shown
    assert names.for_file(shown) == for_file


def test_names_are_cut():
    assert len(names.shown("x" * 5000)) == names.LONGEST
    assert len(names.for_file("x" * 5000)) == names.LONGEST_PART


def test_a_folder_allows_letters_of_any_language_or_does_not(tmp_path):
    assert names.allows_unicode(tmp_path)
    assert not list(tmp_path.iterdir())
    assert not names.allows_unicode(tmp_path / "missing")
