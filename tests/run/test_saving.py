"""What is written during a run and however it ends."""

import os
import re
import signal
from pathlib import Path

import pytest

from brushwork.network import store
from brushwork.run import plan
from tests.helpers.command import FAST, pixels, words


@pytest.mark.parametrize("template", ["step_{:05}.png", "step_%05d.png", "step_{0:05d}.png"])
def test_checkpoints(command, template):
    status, _, _ = command("--checkpoint-output", template, "--checkpoint-iterations", 2, iterations=5)
    assert status == 0
    names = sorted(path.name for path in Path().glob("step_*"))
    assert names == ["step_00002.png", "step_00004.png", "step_00005.png"]
    assert (pixels("step_00005.png") == pixels("out.png")).all()


def test_overwrite_keeps_the_permissions(command):
    Path("out.png").write_text("old")
    Path("out.png").chmod(0o640)
    assert command("--overwrite")[0] == 0
    assert pixels("out.png").shape == (30, 40, 3)
    assert Path("out.png").stat().st_mode & 0o777 == 0o640


def test_a_run_that_diverges_keeps_its_last_good_picture(command):
    status, _, err = command("--learning-rate", "1e30", iterations=9)
    assert status == 1
    assert "the loss is not finite at iteration 1; try a smaller --learning-rate" in err
    assert "wrote out.png" in err
    assert pixels("out.png").shape == (30, 40, 3)


def test_output_that_cannot_be_written_goes_to_the_temporary_directory(command, monkeypatch, folder, tmp_path_factory):
    from brushwork import files

    real = files.replacing

    def failing(path, **options):
        if Path(path).resolve().parent == folder:
            raise OSError(30, "Read-only file system")
        return real(path, **options)

    monkeypatch.setattr(files, "replacing", failing)
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
    monkeypatch.setattr("tempfile.tempdir", None)
    status, _, err = command()
    assert status == 1
    found = re.search(r"error: cannot write out.png: Read-only file system; wrote (\S+) instead", err)
    assert pixels(found[1]).shape == (30, 40, 3)


def test_an_interrupt_saves_the_picture(server, folder):  # the other ways are in test_state
    arguments = "--content content.png --styles style.png --output out.png --network net.mat --iterations 1000000 "
    os.mkfifo("pipe")
    process = server.start(*words(arguments + FAST), "--print-iterations", 1, out="pipe", err="err.txt")
    with open("pipe") as pipe:
        assert pipe.readline().startswith("Iteration")
        os.kill(process.pid, signal.SIGTERM)
        pipe.read()
    assert process.wait() == 143
    assert re.search(r"interrupted after \d+ of 1000000 iterations; wrote out.png", Path("err.txt").read_text())
    assert pixels("out.png").shape == (30, 40, 3)


def test_an_interrupt_before_there_is_a_picture(command, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "make_plan", interrupted)
    assert command() == (130, "", "neural_style: interrupted\n")
    monkeypatch.setattr(store, "fetch", interrupted)
    assert command("--fetch", defaults=False) == (130, "", "neural_style: interrupted\n")


def test_losses_printed_into_a_closed_pipe_do_not_end_the_run(server, folder):
    arguments = "--content content.png --styles style.png --output out.png --network net.mat --iterations 30 "
    os.mkfifo("pipe")
    process = server.start(*words(arguments + FAST), "--print-iterations", 1, out="pipe", err="err.txt")
    open("pipe").close()
    assert process.wait() == 0, Path("err.txt").read_text()
    assert "wrote out.png" in Path("err.txt").read_text()
