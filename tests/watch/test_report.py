"""The watchers that print, save and end a run."""

from itertools import islice

import pytest

from brushwork import messages
from brushwork.watch import contact_sheet, progress, report, table, tensorboard
from tests.watch.steps import Clock, iterations, make_step, run, schedule_of

ONE = schedule_of(100)
TWO = schedule_of(2, 5, costs=(1, 4))
WATCHERS = {
    "end_in_time": lambda steps, tmp: report.end_in_time(steps, TWO, 1e9),
    "estimate_duration": lambda steps, tmp: report.estimate_duration(steps, TWO, id),
    "announce_scales": lambda steps, tmp: report.announce_scales(steps, TWO),
    "print_losses": lambda steps, tmp: report.print_losses(steps, 1, 5),
    "save_checkpoints": lambda steps, tmp: report.save_checkpoints(steps, 1, 5, id),
    "save_states": lambda steps, tmp: report.save_states(steps, 1, id),
    "record_losses": lambda steps, tmp: table.record_losses(
        steps, 1, 5, table.Paths(table=tmp / "table.txt")
    ),
    "show_progress": lambda steps, tmp: progress.show_progress(steps, TWO, verbose=True),
    "write_events": lambda steps, tmp: tensorboard.write_events(
        steps, str(tmp), None, every=1, last=5
    ),
    "collect_shots": lambda steps, tmp: contact_sheet.collect_shots(steps, 5, []),
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
    watched = report.end_in_time(run(ends=(100,), clock=clock, durations=durations), ONE, deadline)
    assert len(list(watched)) == made


def test_a_time_limit_counts_what_is_done_with_a_step(monkeypatch):
    clock, made = Clock(), 0
    monkeypatch.setattr(report, "time", clock.time)
    for _ in report.end_in_time(run(ends=(100,), clock=clock, durations=[1]), ONE, 13):
        clock.now += 3  # to write a picture, say
        made += 1
    assert made == 3


@pytest.mark.parametrize(
    ("deadline", "durations", "made"),
    [
        (12.9, [1], 7),  # at 7 the scale ends; the next one has twice the cost: 1 * 3 * 2 more is 13
        (13, [1], 9),
        (18.9, [1] * 7 + [6, 1], 8),  # at 13, where one more of 6 is 19
        (19, [1] * 7 + [6, 1], 9),
        (36.6, [9, 1], 5),  # at 13 one more of 9 would end after 21.96, the share of the first scale
        (36.7, [9, 1], 9),  # 22.02
    ],
)
def test_a_time_limit_with_two_scales(monkeypatch, deadline, durations, made):
    # 6 iterations at cost 1 and 2 at cost 2: the first scale has 6 / 10 of the time.
    clock, scales = Clock(), schedule_of(6, 8, costs=(1, 2))
    monkeypatch.setattr(report, "time", clock.time)
    assert len(list(report.end_in_time(run(ends=(6, 8), clock=clock, durations=durations), scales, deadline))) == made


def test_a_time_limit_expects_more_of_the_first_step_of_a_scale_only(monkeypatch):
    # A start of 9, forgotten when the scale ends at 17: the first step of the next is expected to take 3, not 27.
    clock, scales = Clock(), schedule_of(8, 9)
    monkeypatch.setattr(report, "time", clock.time)
    assert len(list(report.end_in_time(run(ends=(8, 9), clock=clock, durations=[9, 1]), scales, 25))) == 10


def test_a_time_limit_forgets_the_steps_of_the_scale_before(monkeypatch):
    # At 34 one more step ends at 40; one that takes as long as the start would end at 44.
    clock, scales = Clock(), schedule_of(0, 100)
    monkeypatch.setattr(report, "time", clock.time)
    assert len(list(report.end_in_time(run(ends=(0, 100), clock=clock, durations=[10, 6]), scales, 40))) == 6


def test_a_time_limit_is_shared_by_the_scales(monkeypatch):
    # The same cost in each of three scales. The first ends at 5, as one more step would exceed a third of 16 seconds,
    # and the second at 10, as one more would exceed half of the 11 seconds that were left.
    clock, scales = Clock(), schedule_of(10, 20, 30)
    monkeypatch.setattr(report, "time", clock.time)
    steps = report.end_in_time(run(ends=(10, 20, 30), clock=clock, durations=[1]), scales, 16)
    assert iterations(steps) == [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 21, 22, 23, 24, 25, 26]


def test_a_time_limit_of_a_resumed_run(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(report, "time", clock.time)
    assert iterations(
        report.end_in_time(run(first=4, ends=(2, 9), clock=clock, durations=[2]), schedule_of(2, 9), 6)
    ) == [4, 5, 6]


def told(monkeypatch, schedule, durations, first=0):
    """[the seconds that a run is said to take, the iteration after which they are said]; [] if they are not."""
    clock, found = Clock(), []
    monkeypatch.setattr(report, "time", clock.time)
    steps = run(first=first, ends=[scale.last for scale in schedule.scales], clock=clock, durations=durations)
    for step in report.estimate_duration(steps, schedule, found.append):
        found += [step.iteration] if len(found) == 1 else []
    return found


def test_a_minute_for_the_targets_is_not_counted_as_an_iteration(monkeypatch):
    assert told(monkeypatch, schedule_of(100), [60, 0.5]) == [pytest.approx(50), 3]


def test_long_iterations_are_told_after_the_first(monkeypatch):
    assert told(monkeypatch, schedule_of(1000), [60, 112]) == [pytest.approx(112_000), 1]


def test_later_scales_take_longer_by_their_cost(monkeypatch):
    # 10 iterations of 1 s, 5 of 4 s, 2 of 16 s.
    assert told(monkeypatch, schedule_of(10, 15, 17, costs=(1, 4, 16)), [9, 1]) == [pytest.approx(62), 2]


def test_the_iterations_of_several_scales_are_timed_if_the_first_is_short(monkeypatch):
    # Two iterations of 0.1 s, then 48 of 0.4 s, of which the first includes the targets.
    found = told(monkeypatch, schedule_of(2, 50, costs=(1, 4)), [9, 0.1, 0.1, 0.7, 0.4])
    assert found == [pytest.approx(2 * 0.1 + 48 * 0.4), 4]


def test_a_run_that_goes_on_counts_what_is_left(monkeypatch):
    assert told(monkeypatch, schedule_of(100), [9, 1], first=60) == [pytest.approx(40), 62]


@pytest.mark.parametrize("end", [1, 2])
def test_a_run_that_is_over_at_once_is_not_estimated(monkeypatch, end):
    assert told(monkeypatch, schedule_of(end), [0.1]) == []


def test_scales_are_announced_before_they_begin(logged):
    def steps():
        for step in run(ends=(2, 5, 6)):
            logged.append(f"making {step.iteration}")
            yield step

    for step in report.announce_scales(steps(), schedule_of(2, 5, 6)):
        logged.append(step.iteration)
    assert logged == [
        "making 0", ("info", "scale 1 of 3: 20x15"), 0, "making 1", 1, "making 2", 2,
        ("info", "scale 2 of 3: 40x30"), "making 3", 3, "making 4", 4, "making 5", 5,
        ("info", "scale 3 of 3: 80x60"), "making 6", 6,
    ]  # fmt: skip


@pytest.mark.parametrize("first", [3, 4])
def test_a_resumed_run_announces_the_scales_that_are_left(first, logged):
    list(report.announce_scales(run(first=first, ends=(2, 5)), TWO))
    assert logged == [("info", "scale 2 of 2: 40x30")]


def test_a_scale_that_ends_early_is_followed_by_the_next(logged):
    steps = [make_step(iteration, ends=(2, 5)) for iteration in (0, 1, 3, 4)]
    list(report.announce_scales((step for step in steps), TWO))
    assert logged == [("info", "scale 1 of 2: 20x15"), ("info", "scale 2 of 2: 40x30")]


def test_losses_are_printed_in_columns(capsys):
    assert iterations(report.print_losses(run(ends=(3,)), 2, 3)) == [0, 1, 2, 3]
    assert capsys.readouterr().out.splitlines() == [
        "Iteration    0/3  content loss: 10           style loss: 100          tv loss: 1000         total loss: 1110",
        "Iteration    2/3  content loss: 30           style loss: 300          tv loss: 3000         total loss: 3330",
        "Iteration    3/3  content loss: 40           style loss: 400          tv loss: 4000         total loss: 4440",
    ]


def test_nothing_more_is_printed_once_nobody_reads(monkeypatch):
    lines = []

    def print_to(file, line):
        lines.append(line)
        return False

    monkeypatch.setattr(messages, "print_to", print_to)
    assert iterations(report.print_losses(run(ends=(3,)), 1, 3)) == [0, 1, 2, 3]
    assert len(lines) == 1


@pytest.mark.parametrize(("every", "last", "saved"), [(2, 5, [2, 4, 5]), (5, 5, [5]), (9, 3, [3]), (1, 0, [0])])
def test_checkpoints(every, last, saved):
    steps = []
    watched = report.save_checkpoints(run(ends=(last,)), every, last, steps.append)
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

    for step in report.save_states(steps(), 3, lambda step: saved.append((step.iteration, step is latest[0]))):
        assert step is latest[0]
    assert saved == [(3, True), (6, True)]
