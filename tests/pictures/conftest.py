"""What the tests of pictures share."""

import pytest

from brushwork.pictures import read


@pytest.fixture
def from_bytes(tmp_path):
    """Reads the image of a file with these bytes."""

    def read_bytes(data, name="picture"):
        path = tmp_path / name
        path.write_bytes(data)
        return read.image(path)

    return read_bytes
