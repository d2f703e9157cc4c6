"""The comparison with ImageMagick, where it is installed."""

import shutil

import pytest

from tools import readers


@pytest.mark.exhaustive
@pytest.mark.skipif(shutil.which("convert") is None, reason="ImageMagick is not installed")
def test_pictures_are_read_as_imagemagick_reads_them(capsys):
    assert readers.main([]) == 0
    assert int(capsys.readouterr().out.splitlines()[-1].split()[0]) > 100


def test_every_variant_has_a_name_of_its_own():
    names = [name for name, *_ in readers.variants()]
    assert len(names) == len(set(names)) > 140
    assert set(readers.NOTES) <= set(names)
