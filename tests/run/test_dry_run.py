"""The dry run."""

import re


def test_dry_run(command, folder):
    before = sorted(path.name for path in folder.iterdir())
    status, out, err = command("--dry-run", "--scales", 2, "--tile-size", 16, "--content-weight-blend", 0.5)
    assert status == 0, err
    assert sorted(path.name for path in folder.iterdir()) == before
    lines = out.splitlines()
    assert lines[0] == "content layers: relu4_2:2.5, relu5_2:2.5"
    assert re.fullmatch(r"scale 1 of 2: 20x15, 2 iterations, in tiles of 16 pixels, 0\.\d\d GB, 0 min \d+ s", lines[3])
    assert re.fullmatch(r"scale 2 of 2: 40x30, 1 iterations, in tiles of 16 pixels, 0\.\d\d GB, 0 min \d+ s", lines[4])
    assert re.fullmatch(r"memory: 0\.\d\d GB of \d+\.\d\d GB", lines[5])
    assert re.fullmatch(r"time: 0 min \d+ s", lines[6])
