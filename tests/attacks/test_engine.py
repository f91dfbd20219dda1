"""R2: many examples in flight, in any order and in any number of processes, end as one at a time does."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import Pipe, resource_tracker, spawn
from pathlib import Path

import numpy as np
import pytest
import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.execution.job import Job
from alumbench.attacks.execution.workers import Workers, orphan_command, work
from alumbench.attacks.search import Searcher
from alumbench.attacks.textattack.copies import CannotCopy, attack_copy
from alumbench.attacks.victim import Victim
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.engine.batcher import Batcher
from alumbench.engine.rng_state import RngState, globals_kept
from alumbench.engine.scheduler import Given, Question, SearchTask, run_searches
from alumbench.models.checkpoint import checkpoint_task, find_model
from tests.attacks.test_search import misbehaving, same
from tests.conftest import REPOSITORY


def outcomes(searcher: Searcher | Workers, examples, **kwargs) -> dict:
    return {example.id: same(outcome) for example, outcome in searcher.run_all(examples, **kwargs)}


@pytest.mark.parametrize("name", ["deepwordbug-all-words", "pwws", "pruthi", "a2t-jia-minilm", "iga-jia"])
def test_nothing_depends_on_what_is_in_flight(pair_victim, right, recipe_ready, name):
    recipe = recipe_ready(name)
    if recipe.missing():
        pytest.skip("; ".join(recipe.missing()))
    examples = right[:10]
    alone = {e.id: same(Searcher(recipe, pair_victim, 3, 60).run(e)) for e in examples}
    searcher = Searcher(recipe, pair_victim, 3, 60)
    for width in (7, 64):
        shuffled = random.Random(width).sample(examples, len(examples))
        assert outcomes(searcher, shuffled, width=width) == alone
    assert len({str(one) for one in alone.values()}) > 1


def test_many_in_flight_share_batches(pair_victim, right):
    batches = []
    for width in (1, 64):
        before = pair_victim.scorer.traffic.batches
        list(Searcher(load_recipe("deepwordbug-all-words"), pair_victim, 1, 40).run_all(right[:16], width))
        batches.append(pair_victim.scorer.traffic.batches - before)
    assert batches[1] < batches[0] / 2


class Trouble(Job):
    """Its attack does something to its own process when it meets the trigger."""

    def searcher(self, victim: Victim) -> Searcher:
        behave: Callable[[], None] = {"die": die, "hang": hang}[self.recipe]
        return Searcher(misbehaving(behave, self.models["trigger"]), victim, self.seed, self.query_budget, self.seconds)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    """One call of a C library, which no alarm interrupts."""
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)


def job(folder: Path, **values) -> Job:
    files = find_model(str(folder))
    values = {"recipe": "deepwordbug-all-words", "seed": 1, "query_budget": 40} | values
    return Job(files, checkpoint_task(files), **values)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_nothing_depends_on_the_number_of_processes(pair_checkpoint, pair_victim, right, workers):
    asked = job(pair_checkpoint)
    expected = outcomes(asked.searcher(pair_victim), right[:12])
    assert outcomes(Workers(asked, pair_victim, workers, 8), right[:12]) == expected


@pytest.mark.parametrize(("what", "outcome"), [("die", "error"), ("hang", "timeout")])
def test_a_lost_process_takes_no_other_example_along(pair_checkpoint, pair_victim, right, monkeypatch, what, outcome):
    from alumbench.attacks.execution import workers

    monkeypatch.setattr(workers, "GRACE", 0.5)
    files = find_model(str(pair_checkpoint))
    trigger = right[2].texts[1]
    values = {"recipe": what, "seed": 1, "query_budget": 20, "seconds": 2.0}
    trouble = Trouble(files, checkpoint_task(files), models={"trigger": trigger}, **values)
    expected = outcomes(Searcher(misbehaving(lambda: None, trigger), pair_victim, 1, 20, 2.0), right[:6])
    found = outcomes(Workers(trouble, pair_victim, 2, 4), right[:6])
    assert found[right[2].id]["outcome"] == outcome and "twice" in found[right[2].id]["message"]
    assert {i: one for i, one in found.items() if i != right[2].id} == {
        i: one for i, one in expected.items() if i != right[2].id
    }


def test_a_worker_that_is_ready_when_nobody_listens_ends(pair_checkpoint):
    files = find_model(str(pair_checkpoint))
    job = Job(files, checkpoint_task(files), recipe="deepwordbug-all-words", seed=1, query_budget=20)
    ours, theirs = Pipe()
    ours.close()
    threads = torch.get_num_threads()
    try:
        work(job, 1, theirs)  # a BrokenPipeError would be printed by the process that it is in
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(("ours", "noisy"), [(True, False), (False, True)])
def test_a_process_whose_parent_is_gone_before_it_began_says_nothing(ours, noisy):
    """What Python's own command line does then, which is why there is another."""
    resource_tracker.ensure_running()
    stock, tracker = spawn.get_command_line, resource_tracker.getfd()
    reading, writing = os.pipe()
    os.close(writing)
    try:
        line = (orphan_command(stock) if ours else stock)(tracker_fd=tracker, pipe_handle=reading)
        done = subprocess.run(line, pass_fds=[reading, tracker], capture_output=True, text=True, timeout=60)
    finally:
        os.close(reading)
    assert done.returncode == 1 and done.stdout == ""
    assert ("EOFError" in done.stderr) == noisy and bool(done.stderr) == noisy


@pytest.mark.parametrize(
    ("how", "when", "workers"),
    [("SIGKILL", "begun", 2), ("SIGKILL", "searching", 2), ("SIGTERM", "searching", 1), ("SIGINT", "searching", 1)],
)
def test_workers_end_with_their_parent_and_say_nothing(pair_checkpoint, how, when, workers):
    """The pipe of their error output is closed only when the last of them is gone."""
    parent = subprocess.Popen(
        [sys.executable, "-c", "from tests.attacks.working import main; main()", str(pair_checkpoint), str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        start_new_session=True,
    )
    try:
        while parent.stdout.readline().strip() != when:
            assert parent.poll() is None, parent.stderr.read()
        sign = getattr(signal, how)
        os.killpg(parent.pid, sign) if how == "SIGINT" else parent.send_signal(sign)  # a terminal's goes to all
        out, err = parent.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
    assert err == ""
    assert out.endswith("stopped\n") is (how == "SIGINT")


def test_a_copy_shares_models_and_no_state(pair_victim):
    from textattack.shared import AttackedText

    attack = load_recipe("deepwordbug-all-words").make(VictimWrapper(pair_victim), ("premise", "hypothesis"), (), 7)
    copied = attack_copy(attack)
    goal, ours = attack.goal_function, copied.goal_function
    assert ours is not goal and ours.model is not goal.model and ours.model.victim is goal.model.victim
    assert copied.search_method.goal_function is ours
    assert copied.search_method.get_goal_results.__self__ is ours
    assert copied.search_method.perform_search.__self__ is copied
    copied.constraints_cache[AttackedText("a")] = True
    assert not len(attack.constraints_cache)
    captured = []
    attack.search_method.perform_search = lambda initial: captured
    with pytest.raises(CannotCopy):
        attack_copy(attack)


def test_generators_go_in_and_out_and_leave_no_trace():
    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = [draw(), draw()]
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    first, second = RngState("a"), RngState("b")
    found, drawn = [draw()], []
    with globals_kept():
        for generators in (first, second, first, second):
            generators.put()
            drawn.append(draw())
            generators.take()
    found.append(draw())
    assert found == expected
    with globals_kept():
        RngState("a").put()
        assert [draw(), draw()] == [drawn[0], drawn[2]] != [drawn[1], drawn[3]]


def test_grad_mode_belongs_to_the_search_that_set_it():
    seen = []

    def inside():
        with torch.no_grad():
            flights[0].wait_for(Question(None, []))
            seen.append(torch.is_grad_enabled())

    def outside():
        flights[1].wait_for(Question(None, []))
        seen.append(torch.is_grad_enabled())

    flights = [SearchTask(inside, "a", None), SearchTask(outside, "b", None)]
    for _flight, _ended in run_searches(flights, 2, lambda questions: [Given([], 0.0) for _ in questions]):
        assert torch.is_grad_enabled()
    assert seen == [False, True]


def test_an_example_is_charged_for_its_rows_and_nothing_else(victim, monkeypatch):
    """One search whose rows are of several widths, which are scored one batch after another."""

    forward = victim.forward
    monkeypatch.setattr(victim, "forward", lambda *args: (time.sleep(0.05), forward(*args))[1])
    texts = [("word " * count,) for count in (1, 9, 18)]
    flights = [
        SearchTask(lambda: victim.scores(texts), "a", None),
        SearchTask(lambda: victim.scores(texts[:1]), "b", None),
    ]
    spent = {id(flight): flight.seconds for flight, _ in run_searches(flights, 2, Batcher(victim.scorer))}
    assert 0.15 <= spent[id(flights[0])] < 0.4
    assert 0.02 <= spent[id(flights[1])] < 0.2


def test_a_time_limit_counts_what_models_take(pair_victim, right, monkeypatch):

    forward = pair_victim.forward
    monkeypatch.setattr(pair_victim, "forward", lambda *args: (time.sleep(0.2), forward(*args))[1])
    searcher = Searcher(load_recipe("deepwordbug-all-words"), pair_victim, 1, seconds=0.3)
    assert {outcome.outcome for _, outcome in searcher.run_all(right[:2], 1)} == {"timeout"}


def test_runs_may_overlap_and_end_in_any_order(pair_victim, right):
    from alumbench.attacks.textattack.loader import load_textattack

    module, handler = load_textattack().shared.attacked_text, signal.getsignal(signal.SIGALRM)
    original, walk = module.words_from_text, module.AttackedText.generate_new_attacked_text
    searcher = [Searcher(load_recipe("deepwordbug-all-words"), pair_victim, 1, 20, 5.0) for _ in range(2)]
    first, second = (one.run_all(right[:4], 2) for one in searcher)
    next(first), next(second)
    assert signal.getsignal(signal.SIGALRM) == handler, "whoever takes what a run yields has timers of its own"
    first.close()
    assert len(list(second)) == 3
    assert module.words_from_text is original and module.AttackedText.generate_new_attacked_text is walk
    assert signal.getsignal(signal.SIGALRM) == handler
