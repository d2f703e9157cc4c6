"""Files are written completely or not at all."""

import os
import stat

import pytest

from brushwork import files


@pytest.fixture
def target(tmp_path):
    """The path of a file to write, in a folder that is empty."""
    return tmp_path / "target.txt"


def write(path, contents):
    with files.replacing(path) as file:
        file.write(contents)


def write_half(path, exception):
    with files.replacing(path) as file:
        file.write(b"half")
        raise exception


def permissions(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_new_file(target):
    write(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(target.parent) == ["target.txt"]


def test_a_relative_name(target, monkeypatch):
    monkeypatch.chdir(target.parent)
    write("target.txt", b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o007])
def test_a_new_file_has_the_permissions_of_any_new_file(target, umask):
    before = os.umask(umask)
    try:
        write(target, b"new")
    finally:
        os.umask(before)
    assert permissions(target) == 0o666 & ~umask


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604, 0o666, 0o755])
def test_an_existing_file_keeps_its_permissions(target, mode):
    target.write_bytes(b"old")
    target.chmod(mode)
    write(target, b"new")
    assert target.read_bytes() == b"new"
    assert permissions(target) == mode


def test_a_private_file_is_private_before_anything_is_written(target):
    target.write_bytes(b"old")
    target.chmod(0o600)
    with files.replacing(target) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600


def test_until_the_end_the_target_is_old_and_the_new_file_is_hidden(target):
    target.write_bytes(b"old")
    with files.replacing(target) as file:
        file.write(b"new" * 100_000)
        file.flush()
        assert target.read_bytes() == b"old"
        (other,) = set(os.listdir(target.parent)) - {"target.txt"}
        assert other.startswith(".")
        assert other.endswith(".unfinished")
    assert target.read_bytes() == b"new" * 100_000
    assert os.listdir(target.parent) == ["target.txt"]


@pytest.mark.parametrize("exception", [ValueError, OSError, KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("existing", [False, True])
def test_an_exception_changes_nothing(target, exception, existing):
    if existing:
        target.write_bytes(b"old")
    before = os.listdir(target.parent)
    with pytest.raises(exception):
        write_half(target, exception)
    assert os.listdir(target.parent) == before
    assert not existing or target.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["chmod", "fsync"])
def test_a_failing_call_changes_nothing(target, monkeypatch, name):
    def failing(*arguments):
        raise OSError(5, "Input/output error")

    target.write_bytes(b"old")
    monkeypatch.setattr(os, name, failing)
    with pytest.raises(OSError, match="Input/output error"):
        write(target, b"new")
    assert target.read_bytes() == b"old"
    assert os.listdir(target.parent) == ["target.txt"]


def test_a_failing_replacement_changes_nothing(target, monkeypatch):
    def failing(*paths):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="Input/output error"):
        write(target, b"new")
    assert os.listdir(target.parent) == []


def test_a_link_stays_and_the_file_it_points_at_is_replaced(target, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere" / "real.txt"
    real.write_bytes(b"old")
    target.symlink_to(real)
    with files.replacing(target) as file:
        file.write(b"new")
        assert len(os.listdir(real.parent)) == 2  # a file can only be replaced from its own file system
    assert target.is_symlink()
    assert real.read_bytes() == b"new"
    assert os.listdir(real.parent) == ["real.txt"]


def test_a_link_to_a_file_that_does_not_exist(target, tmp_path):
    target.symlink_to("later.txt")
    write(target, b"new")
    assert target.is_symlink()
    assert (tmp_path / "later.txt").read_bytes() == b"new"


def test_a_link_to_itself_stays(target):
    target.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        write(target, b"new")
    assert os.listdir(target.parent) == ["target.txt"]
    assert target.is_symlink()


def test_first_the_contents_are_synced_then_the_name(target, monkeypatch):
    events = []
    sync, replace = os.fsync, os.replace

    def noting_sync(handle):
        events.append("directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else os.fstat(handle).st_size)
        sync(handle)

    def noting_replace(*paths):
        events.append("replace")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", noting_sync)
    monkeypatch.setattr(os, "replace", noting_replace)
    write(target, b"new")
    assert events == [3, "replace", "directory"]


def test_a_directory_that_cannot_be_synced(target, monkeypatch):
    sync = os.fsync

    def failing(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(22, "Invalid argument")
        sync(handle)

    monkeypatch.setattr(os, "fsync", failing)
    write(target, b"new")
    assert target.read_bytes() == b"new"


def test_a_missing_directory(tmp_path):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "missing" / "target.txt", b"new")


def test_a_directory_is_refused_at_once(target):
    target.mkdir()
    with pytest.raises(IsADirectoryError), files.replacing(target):
        pytest.fail("the block was entered")


def test_a_pipe_or_a_device_is_not_replaced_by_a_file(target):
    os.mkfifo(target)
    with pytest.raises(OSError, match="Not a regular file"):
        write(target, b"new")
    assert stat.S_ISFIFO(os.stat(target).st_mode)
    assert os.listdir(target.parent) == ["target.txt"]


def test_two_at_once(target):
    with files.replacing(target) as first:
        first.write(b"first")
        write(target, b"second")
        assert target.read_bytes() == b"second"
    assert target.read_bytes() == b"first"
    assert os.listdir(target.parent) == ["target.txt"]


def test_the_file_can_be_read_and_rewound(target):
    with files.replacing(target) as file:
        file.write(b"abcdef")
        file.seek(2)
        assert file.read(2) == b"cd"
        file.write(b"--")
    assert target.read_bytes() == b"abcd--"


def test_remove_unfinished(target):
    unfinished = files.replacing(target)
    unfinished.__enter__().write(b"half")
    files.remove_unfinished()
    assert os.listdir(target.parent) == []
    with pytest.raises(FileNotFoundError):
        unfinished.__exit__(None, None, None)


def test_remove_unfinished_leaves_finished_files(target):
    write(target, b"new")
    assert not files._unfinished
    files.remove_unfinished()
    assert target.read_bytes() == b"new"


# Reading.


def test_open_regular(target):
    target.write_bytes(b"\r\n\xff")
    with files.open_regular(target) as file:
        assert file.read() == b"\r\n\xff"
        assert not file.writable()


def test_open_regular_refuses_everything_else(target):
    with pytest.raises(FileNotFoundError):
        files.open_regular(target)
    os.mkfifo(target)
    empty = target.with_name("empty")
    empty.touch()
    refused = {target.parent: "it is a directory", target: "it is not a regular file", empty: "it is empty"}
    for path, reason in (refused | {"a\0b": "embedded null"}).items():
        with pytest.raises(OSError, match=reason):
            files.open_regular(path)
