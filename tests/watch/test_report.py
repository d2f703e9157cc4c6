"""The watchers that print, save and end a run."""

from itertools import islice

import pytest

from brushwork import messages
from brushwork.watch import contact_sheet, progress, report, table, tensorboard
from tests.watch.steps import Clock, iterations, make_step, run

ONE = [((10, 10), 100)]
TWO = [((15, 20), 2), ((30, 40), 5)]
WATCHERS = {
    "limited": lambda steps, tmp: report.limited(steps, 1e9, TWO),
    "announced": lambda steps, tmp: report.announced(steps, TWO, str),
    "printed": lambda steps, tmp: report.printed(steps, 1, 5),
    "with_checkpoints": lambda steps, tmp: report.with_checkpoints(steps, 1, 5, id),
    "with_states": lambda steps, tmp: report.with_states(steps, 1, id),
    "table": lambda steps, tmp: table.recorded(
        steps, 1, 5, table_path=tmp / "table.txt", plot_path=None, complain=pytest.fail
    ),
    "lines": lambda steps, tmp: progress.watched(steps, [2, 5], verbose=True, say=str),
    "tensorboard": lambda steps, tmp: tensorboard.watched(
        steps, str(tmp), None, every=1, last=5, complain=pytest.fail
    ),
    "contact sheet": lambda steps, tmp: contact_sheet.collected(steps, 5, []),
}  # fmt: skip


@pytest.mark.parametrize("name", WATCHERS)
def test_watchers_pass_the_steps_on_and_close_them(name, tmp_path):
    closed, given = [], [make_step(iteration, ends=(2, 5)) for iteration in range(6)]

    def steps():
        try:
            yield from given
        finally:
            closed.append(True)

    for count in (6, 3):
        source = steps()  # a reference to it, so that it is not closed by the garbage collector
        watched = WATCHERS[name](source, tmp_path)
        seen = list(islice(watched, count))
        assert all(one is other for one, other in zip(seen, given[:count], strict=True))
        watched.close()
        assert closed.pop()


@pytest.mark.parametrize(("every", "last", "due"), [(3, 7, [0, 3, 6, 7]), (3, 6, [0, 3, 6]), (9, 4, [0, 4])])
def test_what_is_due(every, last, due):
    assert [iteration for iteration in range(last + 1) if report.due(iteration, every, last)] == due


@pytest.mark.parametrize(
    ("deadline", "durations", "made"),
    [
        (40, [10], 4),  # the fourth ends at 40, not after it
        (39, [10], 3),
        (9, [10], 1),  # the start is yielded, however long it takes
        (20, [9, 1], 4),  # at 9, 10, 11, 12; one more of 9 would end at 21
        (21.5, [9, 1], 5),  # at 13, as the fifth of the last five took 9
        (22, [9, 1], 14),  # at 14 the 9 is no longer among the last five
        (24, [1, 1, 1, 9, 1], 8),  # at 16, while the 9 is the fifth last
        (15, [1, 9, 1], 2),  # at 10, one more of 9 would end at 19
    ],
)
def test_a_time_limit(monkeypatch, deadline, durations, made):
    clock = Clock()
    monkeypatch.setattr(report, "time", clock.time)
    watched = report.limited(run(ends=(100,), clock=clock, durations=durations), deadline, ONE)
    assert len(list(watched)) == made


def test_a_time_limit_counts_what_is_done_with_a_step(monkeypatch):
    clock, made = Clock(), 0
    monkeypatch.setattr(report, "time", clock.time)
    for _ in report.limited(run(ends=(100,), clock=clock, durations=[1]), 13, ONE):
        clock.now += 3  # to write a picture, say
        made += 1
    assert made == 3


@pytest.mark.parametrize(
    ("deadline", "durations", "made"),
    [
        (14.9, [1], 3),  # at 3 the scale ends; the next one has 4 times the pixels: 1 * 3 * 4 more is 15
        (15, [1, 1, 1, 12, 1], 4),
        (118.9, [9, 1, 1, 5], 3),  # at 11; 9 * 3 * 4 more is 119
        (119, [9, 1, 1, 5], 6),
        (26.9, [1, 1, 1, 12, 1], 4),  # at 15; one more of 12 is 27
        (28, [1, 1, 1, 12, 1], 6),  # at 15 and 16 one more of 12 is no later than 28
        (21.5, [1, 1, 1, 9, 1], 5),  # at 13, where one more of 9 is 22
        (17, [1], 6),  # after the last scale no further one is expected
    ],
)
def test_a_time_limit_with_two_scales(monkeypatch, deadline, durations, made):
    clock = Clock()
    monkeypatch.setattr(report, "time", clock.time)
    assert len(list(report.limited(run(ends=(2, 5), clock=clock, durations=durations), deadline, TWO))) == made


def test_a_time_limit_expects_more_of_the_first_step_of_a_scale_only(monkeypatch):
    # A start of 9, forgotten when the scale ends at 17: the first step of the next is expected to take 12, not 108.
    clock, scales = Clock(), [((10, 10), 8), ((20, 20), 9)]
    monkeypatch.setattr(report, "time", clock.time)
    assert len(list(report.limited(run(ends=(8, 9), clock=clock, durations=[9, 1]), 29, scales))) == 10


def test_a_time_limit_forgets_the_steps_of_the_scale_before(monkeypatch):
    # At 34 one more step ends at 40; one that takes as long as the start would end at 44.
    clock, scales = Clock(), [((10, 10), 0), ((10, 10), 100)]
    monkeypatch.setattr(report, "time", clock.time)
    assert len(list(report.limited(run(ends=(0, 100), clock=clock, durations=[10, 6]), 40, scales))) == 6


def test_a_time_limit_is_shared_by_the_scales(monkeypatch):
    # As many iterations and pixels in each of two scales: at 5 of 11 seconds one more step would exceed half of them.
    clock, scales = Clock(), [((10, 10), 10), ((10, 10), 20)]
    monkeypatch.setattr(report, "time", clock.time)
    steps = report.limited(run(ends=(10, 20), clock=clock, durations=[1]), 11, scales)
    assert iterations(steps) == [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16]


def test_the_share_of_a_scale(monkeypatch):
    monkeypatch.setattr(report, "CALL", 50)
    scales = [((10, 10), 4), ((10, 15), 10), ((20, 15), 10)]  # 4 x 150, 6 x 200 and 0 x 350 pixels
    assert [report._share(scales, scale) for scale in range(3)] == [600 / 1800, 1, 1]


def test_a_time_limit_of_a_resumed_run(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(report, "time", clock.time)
    assert iterations(report.limited(run(first=4, ends=(2, 9), clock=clock, durations=[2]), 6, TWO)) == [4, 5, 6]


def test_scales_are_announced_before_they_begin():
    events, scales = [], [*TWO, ((60, 80), 6)]

    def steps():
        for step in run(ends=(2, 5, 6)):
            events.append(f"making {step.iteration}")
            yield step

    for step in report.announced(steps(), scales, events.append):
        events.append(step.iteration)
    assert events == [
        "making 0", "scale 1 of 3: 20x15", 0, "making 1", 1, "making 2", 2,
        "scale 2 of 3: 40x30", "making 3", 3, "making 4", 4, "making 5", 5,
        "scale 3 of 3: 80x60", "making 6", 6,
    ]  # fmt: skip


@pytest.mark.parametrize("first", [3, 4])
def test_a_resumed_run_announces_the_scales_that_are_left(first):
    said = []
    list(report.announced(run(first=first, ends=(2, 5)), TWO, said.append))
    assert said == ["scale 2 of 2: 40x30"]


def test_a_scale_that_ends_early_is_followed_by_the_next():
    said = []
    steps = [make_step(iteration, ends=(2, 5)) for iteration in (0, 1, 3, 4)]
    list(report.announced((step for step in steps), TWO, said.append))
    assert said == ["scale 1 of 2: 20x15", "scale 2 of 2: 40x30"]


def test_losses_are_printed_in_columns(capsys):
    assert iterations(report.printed(run(ends=(3,)), 2, 3)) == [0, 1, 2, 3]
    assert capsys.readouterr().out.splitlines() == [
        "Iteration    0/3  content loss: 10           style loss: 100          tv loss: 1000         total loss: 1110",
        "Iteration    2/3  content loss: 30           style loss: 300          tv loss: 3000         total loss: 3330",
        "Iteration    3/3  content loss: 40           style loss: 400          tv loss: 4000         total loss: 4440",
    ]


def test_nothing_more_is_printed_once_nobody_reads(monkeypatch):
    lines = []

    def print_to(file, line):
        lines.append(line)
        raise BrokenPipeError

    monkeypatch.setattr(messages, "print_to", print_to)
    assert iterations(report.printed(run(ends=(3,)), 1, 3)) == [0, 1, 2, 3]
    assert len(lines) == 1


@pytest.mark.parametrize(("every", "last", "saved"), [(2, 5, [2, 4, 5]), (5, 5, [5]), (9, 3, [3]), (1, 0, [0])])
def test_checkpoints(every, last, saved):
    steps = []
    watched = report.with_checkpoints(run(ends=(last,)), every, last, steps.append)
    for step in watched:
        assert (step in steps) == (step.iteration in saved)  # before the step is passed on
    assert iterations(steps) == saved


def test_states_are_saved_between_steps():
    # A step's state is to be had only until the next one is asked for.
    latest, saved = [], []

    def steps():
        for step in run(ends=(7,)):
            latest[:] = [step]
            yield step

    for step in report.with_states(steps(), 3, lambda step: saved.append((step.iteration, step is latest[0]))):
        assert step is latest[0]
    assert saved == [(3, True), (6, True)]
