"""Fixtures for the tests of pictures."""

import pytest

from brushwork.pictures import read


@pytest.fixture
def from_bytes(tmp_path):
    """Returns a function that reads the image in a file with the given bytes."""

    def read_bytes(data, name="picture"):
        path = tmp_path / name
        path.write_bytes(data)
        return read.image(path)

    return read_bytes
