"""The search by a solver beside the others: its windows against brute force, and its thread."""

import math
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from ortools.sat.python import cp_model

from graphdiff.planning import beside, optimal, plan
from graphdiff.planning.beside import Beside
from graphdiff.planning.eviction import TASTES, evicting
from graphdiff.planning.marks import marked
from graphdiff.planning.schedule import ACTIONS, computed, measure, with_frees
from graphdiff.planning.windows import Model, Numbers, Window, Windows
from tests.planning.oracle import gradient_chain, least_cost, least_cost_between, random_dag, run


def problem_of(dag):
    return marked(dag, [v for v in dag if not dag.out_degree(v)], ()).problem


def solved(numbers, window):
    """The nodes of the places that the solver uses, or None if there is no cheaper way."""
    model = Model(numbers, window)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    status = solver.solve(model.model)
    if status == cp_model.INFEASIBLE:
        return None
    assert status == cp_model.OPTIMAL
    pairs = zip(window.nodes, model.places, strict=True)
    return [node for node, literal in pairs if solver.boolean_value(literal)]


def checked(dag, problem, sequence, limit):
    """The cost of a list of computations within the limit, by the tests' own rules."""
    steps = [(action, problem.names[node]) for action, node in with_frees(problem, sequence)]
    outputs = [problem.names[node] for node in problem.outputs]
    peak, cost = run(dag, outputs, steps)
    assert peak <= limit
    return cost


def rounds(problem, count):
    """Places for every node, again and again: any order, and any number of recomputations."""
    nodes = [*range(len(problem))] * count
    return Window(nodes, [True] * len(nodes), frozenset(), frozenset(problem.outputs), 0)


@pytest.mark.parametrize("seed", range(40))
def test_a_window_of_all_orders_has_the_true_optimum(seed):
    dag = random_dag(5 + seed % 3, seed)
    problem = problem_of(dag)
    outputs = [problem.names[node] for node in problem.outputs]
    most = plan(dag, "store").peak_bytes
    for limit in (most // 2, most * 2 // 3, most * 4 // 5, most - 1, most):
        best = least_cost(dag, outputs, limit)
        numbers = Numbers(problem, limit)
        found = solved(numbers, rounds(problem, 7))
        if best is None:
            assert found is None
        else:
            assert found is not None
            assert checked(dag, problem, numbers.all(found), limit) == best


@pytest.mark.parametrize("seed", range(30))
def test_a_window_in_a_schedule_is_solved_as_by_brute_force(seed):
    """All nodes have places in it, so it is as free as any way from one memory to the other."""
    rng = random.Random(seed)
    dag = random_dag(8, seed)
    problem = problem_of(dag)
    peak = plan(dag, "store").peak_bytes
    for limit in range(peak - 3, peak + 1):
        ways = (evicting(problem, range(8), limit, taste) for taste in TASTES)
        sequence = next((way for way in ways if way is not None), None)
        if sequence is None:
            continue
        sequence = computed(with_frees(problem, sequence))
        start = rng.randrange(len(sequence) - 2)
        stop = rng.randrange(start + 2, len(sequence) + 1)
        held = [present_before(problem, sequence, step) for step in (start, stop)]
        names = [{problem.names[node] for node in values} for values in held]
        best = least_cost_between(dag, *names, limit)
        nodes = [*range(8)] * 5
        used = [True] * len(nodes)  # so a cheaper way is asked for than everything five times
        numbers = Numbers(problem, limit)
        found = solved(numbers, Window(nodes, used, *map(frozenset, held), 0))
        assert found is not None
        assert sum(problem.costs[node] for node in found) == best
        checked(dag, problem, [*sequence[:start], *found, *sequence[stop:]], limit)


def present_before(problem, sequence, step):
    """What is in memory before a step of a schedule in which all is freed after its last use."""
    steps = with_frees(problem, sequence)
    assert [node for action, node in steps if action == ACTIONS["compute"]] == sequence
    present, count = set(), 0
    for action, node in steps:
        if action == ACTIONS["compute"]:
            if count == step:
                return present
            count += 1
            present.add(node)
        else:
            present.remove(node)
    return present


@pytest.mark.parametrize("seed", range(30))
def test_windows_that_are_opened_say_what_is_in_memory(seed):
    rng = random.Random(seed)
    problem = problem_of(random_dag(20, seed))
    peak, _ = measure(problem, range(20))
    sequence = evicting(problem, range(20), peak, TASTES[0])
    numbers = Numbers(problem, peak)
    windows = Windows(numbers, sequence)
    assert numbers.all(windows.steps) == sequence
    for _ in range(5):
        start = rng.randrange(len(sequence) - 5)
        window = windows.opened(start, start + 5, 8, rng)
        used = [node for node, is_used in zip(window.nodes, window.used, strict=True) if is_used]
        assert used == windows.steps[start : start + 5]
        assert len(window.nodes) > 5
        touched = {u for node in window.nodes for u in (*problem.operands[node], node)}
        assert window.before == present_before(problem, sequence, start) & touched
        after = present_before(problem, sequence, start + 5)
        assert window.after == after & touched
        assert window.passing == sum(problem.sizes[node] for node in after - touched)


def with_scratch(dag, rng):
    """The graph with memory that some ops work in, which comes from nothing and for nothing."""
    for node in list(dag):
        if rng.random() < 0.6:
            dag.add_node(f"room{node}", size=rng.randint(1, 4), cost=0)
            dag.add_edge(f"room{node}", node)
    return dag


@pytest.mark.parametrize("seed", range(20))
def test_what_comes_for_nothing_is_counted_where_it_is_used(seed):
    dag = with_scratch(random_dag(4 + seed % 2, seed), random.Random(seed))
    problem = problem_of(dag)
    outputs = [problem.names[node] for node in problem.outputs]
    most = plan(dag, "store").peak_bytes
    for limit in (most // 2, most * 2 // 3, most - 1, most):
        best = least_cost(dag, outputs, limit)
        numbers = Numbers(problem, limit)
        told = [node for node in range(len(problem)) if not dag_free(problem, node)]
        nodes = told * 6
        window = Window(nodes, [True] * len(nodes), frozenset(), frozenset(problem.outputs), 0)
        found = solved(numbers, window)
        if best is None:
            assert found is None
        else:
            assert found is not None
            assert checked(dag, problem, numbers.all(found), limit) == best


def dag_free(problem, node):
    return not problem.operands[node] and not problem.costs[node]


@pytest.mark.parametrize("factor", [1, 10**9 + 7, 0.37])
def test_large_and_broken_numbers_are_told_so_that_what_fits_fits(factor):
    dag = gradient_chain(5)
    for node, numbers in dag.nodes.items():
        numbers["size"] = int(node[1]) * max(1, int(factor)) + (factor > 1)
        numbers["cost"] = int(node[1]) * factor
    problem = problem_of(dag)
    outputs = [problem.names[node] for node in problem.outputs]
    peaks = [plan(dag, strategy).peak_bytes for strategy in ("recompute", "store")]
    costs = set()
    slack = 100 if factor > 1 else 0  # sizes are rounded up
    for limit in range(peaks[0] + slack, peaks[1] + 1, max(1, (peaks[1] - peaks[0]) // 4)):
        numbers = Numbers(problem, limit)
        found = solved(numbers, rounds(problem, 6))
        best = least_cost(dag, outputs, limit)
        assert found is not None
        cost = checked(dag, problem, numbers.all(found), limit)
        assert cost == pytest.approx(best, rel=1e-6)
        costs.add(cost)
    assert len(costs) > 2


def poor(dag):
    """A problem, a limit, and a schedule that computes all of a chain again and again."""
    problem = problem_of(dag)
    limit = plan(dag, "recompute").peak_bytes + 4
    named = {name: node for node, name in enumerate(problem.names)}
    steps = plan(dag, "recompute").steps
    return problem, limit, [named[node] for action, node in steps if action == "compute"]


def begun(problem, limit, *, seconds=60.0, seed=0):
    now = time.monotonic()
    return Beside(problem, limit, begin=now, deadline=now + seconds, seed=seed)


@pytest.mark.parametrize("seed", range(6))
def test_the_thread_finds_what_the_checker_accepts(seed, monkeypatch):
    monkeypatch.setattr(beside, "idle_cores", lambda: 1)
    dag = gradient_chain(12) if seed == 0 else random_gradient(10, seed)
    problem, limit, sequence = poor(dag)
    cost = measure(problem, sequence)[1]
    search = begun(problem, limit, seed=seed)
    search.start()
    try:
        found = None
        while found is None and search.busy:
            found = search.exchange(sequence, cost)
            time.sleep(0.01)
    finally:
        search.close()
    assert found is not None
    assert checked(dag, problem, found, limit) < cost
    assert not search._thread.is_alive()


def random_gradient(nodes, seed):
    """The gradient graph of a random network."""
    rng = random.Random(seed)
    forward = random_dag(nodes, seed)
    dag = forward.copy()
    for node in reversed(list(forward)):
        dag.add_node(f"b{node}", size=forward.nodes[node]["size"], cost=rng.randint(1, 5))
        dag.add_edge(node, f"b{node}")
        for user in forward.successors(node):
            dag.add_edge(f"b{user}", f"b{node}")
    return dag


def test_the_thread_gives_up_waits_and_goes_on(monkeypatch):
    monkeypatch.setattr(beside, "idle_cores", lambda: 1)
    monkeypatch.setattr(beside, "PATIENCE", 3)
    dag = gradient_chain(6)
    best = plan(dag, "optimal", 4)
    assert best.gap == 0
    problem = problem_of(dag)
    named = {name: node for node, name in enumerate(problem.names)}
    sequence = [named[node] for action, node in best.steps if action == "compute"]
    search = begun(problem, 4)
    search.start()
    try:
        assert search.busy
        assert search.exchange(sequence, best.cost) is None
        while search.busy:
            time.sleep(0.01)
        assert search.exchange(sequence, best.cost) is None  # nothing is cheaper
        assert search._thread.is_alive()
        assert search.exchange(sequence, best.cost - 1) is None  # as if one had been found
        assert search.busy
    finally:
        search.close()
    assert not search._thread.is_alive()


def test_a_search_whose_time_is_over_ends_by_itself():
    dag = gradient_chain(8)
    problem, limit, sequence = poor(dag)
    search = begun(problem, limit, seconds=0.0)
    search.start()
    search.exchange(sequence, measure(problem, sequence)[1])
    search._thread.join(30)
    assert not search._thread.is_alive()
    search.close()


def test_a_time_without_end_is_as_good_as_any():
    problem, limit, sequence = poor(gradient_chain(8))
    cost = measure(problem, sequence)[1]
    search = begun(problem, limit, seconds=math.inf)
    search.start()
    try:
        while search.exchange(sequence, cost) is None and search.busy:
            time.sleep(0.01)
        assert search.busy
    finally:
        search.close()
    found = search.exchange(sequence, cost)
    assert measure(problem, found)[1] < cost


def test_a_search_that_is_closed_before_its_time_imports_no_solver():
    problem, limit, _ = poor(gradient_chain(8))
    now = time.monotonic()
    search = Beside(problem, limit, begin=now + 3600, deadline=now + 7200)
    search.start()
    search.close()
    assert not search._thread.is_alive()
    code = """
        import sys, networkx as nx, graphdiff as gd
        dag = nx.path_graph(9, create_using=nx.DiGraph)
        dag.add_edges_from((i, 17 - i) for i in range(8))
        nx.add_path(dag, range(8, 18))
        nx.set_node_attributes(dag, 1, "size")
        nx.set_node_attributes(dag, 1, "cost")
        assert gd.plan(dag, "optimal", memory_limit=5).gap == 0
        assert "ortools" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def hard():
    """A problem that the exact search does not finish in a minute, and a limit."""
    return random_gradient(40, 3), 46


def test_without_the_solver_or_a_core_for_it_all_is_as_before(monkeypatch):
    def refuse(self):
        raise AssertionError("started")

    monkeypatch.setattr(Beside, "start", refuse)
    monkeypatch.setattr(optimal, "WAIT", 0.0)
    dag, limit = hard()
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    assert beside.available()
    with pytest.raises(AssertionError, match="started"):
        plan(dag, "auto", limit, time_limit=1.0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    assert not beside.available()
    plan(dag, "auto", limit, time_limit=1.0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(beside, "find_spec", lambda name: None)
    assert not beside.available()
    plan(dag, "auto", limit, time_limit=1.0)


def test_where_the_affinity_is_not_known_the_cores_are_counted(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert beside.idle_cores() == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert beside.idle_cores() == 0


def test_a_solver_that_cannot_be_imported_is_as_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphdiff.planning.windows", None)
    problem, limit, sequence = poor(gradient_chain(8))
    search = begun(problem, limit)
    search.start()
    search._thread.join(30)
    assert not search.busy
    assert search.exchange(sequence, measure(problem, sequence)[1]) is None
    search.close()


@pytest.mark.parametrize("strategy", ["auto", "optimal"])
@pytest.mark.parametrize("seed", range(4))
def test_plans_that_were_searched_for_beside_keep_the_rules(seed, strategy, monkeypatch):
    monkeypatch.setattr(beside, "idle_cores", lambda: 1)
    monkeypatch.setattr(optimal, "WAIT", 0.0)
    told = []
    monkeypatch.setattr(Beside, "_checked", heard(Beside._checked, told))
    dag = random_gradient(30, seed)
    limit = plan(dag, "store").peak_bytes * 4 // 5
    found = plan(dag, strategy, limit, time_limit=3.0)
    outputs = [node for node in dag if not dag.out_degree(node)]
    assert run(dag, outputs, found.steps) == (found.peak_bytes, found.cost)
    assert found.peak_bytes <= limit
    assert found.lower_bound <= found.cost <= min(told, default=math.inf)
    assert not [thread for thread in threading.enumerate() if "beside" in thread.name]


def heard(function, told):
    """The function, which also notes what it gives."""

    def noting(*args):
        result = function(*args)
        told.append(result)
        return result

    return noting


def test_ctrl_c_stops_the_solver_and_keeps_the_best():
    root = Path(__file__).parents[2]
    code = f"""
        import os, signal, sys, threading
        sys.path.insert(0, {str(root)!r})
        from graphdiff.planning import beside, plan
        from tests.planning.test_beside import hard
        beside.idle_cores = lambda: 1
        interrupt = lambda: os.kill(os.getpid(), signal.SIGINT)
        solve = beside.Beside._repair
        def repair(self, windows):
            if interrupt.__name__:
                threading.Timer(0.2, interrupt).start()
                interrupt.__name__ = ""
            return solve(self, windows)
        beside.Beside._repair = repair
        dag, limit = hard()
        found = plan(dag, "optimal", limit, time_limit=600)
        assert found.peak_bytes <= limit and found.gap > 0 and not interrupt.__name__
        assert [thread for thread in threading.enumerate() if "beside" in thread.name] == []
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
