"""Independent, simple and slow: optimal schedules by brute force, and graphs to try them on."""

import heapq
import random

import networkx as nx


def random_dag(nodes, seed, *, largest=5):
    """A connected-looking random DAG with small integer sizes and costs."""
    rng = random.Random(seed)
    dag = nx.DiGraph()
    for i in range(nodes):
        dag.add_node(f"n{i}", size=rng.randint(1, largest), cost=rng.randint(1, largest))
        for j in rng.sample(range(i), min(i, rng.choice((1, 1, 2, 3)))):
            dag.add_edge(f"n{j}", f"n{i}")
    return dag


def gradient_chain(length, *, size=1, cost=1):
    """The gradient graph of a chain: f1 … fn, then b_n … b_1, where b_i uses f_i and f_(i-1)."""
    dag = nx.DiGraph()
    for i in range(1, length + 1):
        dag.add_node(f"f{i}", size=size, cost=cost)
        if i > 1:
            dag.add_edge(f"f{i - 1}", f"f{i}")
    for i in range(length, 0, -1):
        dag.add_node(f"b{i}", size=size, cost=cost)
        for operand in (f"b{i + 1}", f"f{i}", f"f{i - 1}"):
            if operand in dag:
                dag.add_edge(operand, f"b{i}")
    return dag


def least_cost(dag, outputs, limit, kept=()):
    """The least cost within a limit, or None; those to be kept are never freed."""
    return least_cost_between(dag, (), outputs, limit, kept)


def least_cost_between(dag, before, after, limit, kept=()):
    """The same from some values in memory to others: Dijkstra over all sets of resident values."""
    nodes = list(dag)
    goal = frozenset(after)
    start = frozenset(before)
    seen = {}
    heap = [(0, 0, start)]
    count = 0
    while heap:
        cost, _, state = heapq.heappop(heap)
        if state in seen:
            continue
        seen[state] = cost
        if goal <= state:
            return cost
        moves = [(cost, state - {v}) for v in state if v not in kept]
        used = sum(dag.nodes[v]["size"] for v in state)
        for v in nodes:
            fits = used + dag.nodes[v]["size"] <= limit
            if v not in state and fits and all(u in state for u in dag.predecessors(v)):
                moves.append((cost + dag.nodes[v]["cost"], state | {v}))
        for new_cost, new_state in moves:
            if new_state not in seen:
                count += 1
                heapq.heappush(heap, (new_cost, count, new_state))
    return None


def run(dag, outputs, steps):
    """Check a schedule by the rules and give its peak and cost."""
    resident = set()
    peak = cost = 0
    for action, node in steps:
        if action == "compute":
            assert node not in resident
            assert all(u in resident for u in dag.predecessors(node))
            resident.add(node)
            cost += dag.nodes[node]["cost"]
        else:
            assert action == "free"
            resident.remove(node)
        peak = max(peak, sum(dag.nodes[v]["size"] for v in resident))
    assert set(outputs) <= resident
    return peak, cost
