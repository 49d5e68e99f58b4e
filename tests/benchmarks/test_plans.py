"""Plans against those of torch's memory budget, √n and revolve; and plans of large networks.

    python -m pytest tests/benchmarks/test_plans.py -s

Torch's partitioner chooses by a knapsack which values of the forward pass to save within a budget,
and computes the others again in the backward pass. Its own solver is run here on the sizes and
costs of the same graph, at many budgets; of the schedules that keep to a limit the cheapest
counts, in the order of least memory that is found. Torch is in the extra ``bench``.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.planning import beside, optimal
from graphdiff.planning.cost import Scratch, weigh
from graphdiff.rewrite import DEFAULT, rewritten

T, N = 1024, 16  # a value of (T, N) takes 128 KiB
SHARES = (0.9, 0.75, 0.6, 0.5, 0.4)  # of the memory of storing everything
SHARES_OF_U_NET = (0.9, 0.8, 0.7, 0.65, 0.6)  # it needs more
BUDGETS = np.linspace(0.0, 1.0, 41)
SECONDS = 10.0


def mlp() -> gd.Graph:
    """16 layers."""
    g = gd.Graph("MLP")
    h = g.input("x", (T, N))
    for k in range(16):
        h = np.tanh(h @ g.parameter(f"W{k}", (N, N)) + g.parameter(f"b{k}", (N,)))
    g.output("J", np.mean(h**2))
    return gd.gradient(g, of="J")


def long_skips() -> gd.Graph:
    """12 residual blocks, each of which also takes the value of four blocks before."""
    g = gd.Graph("residual net")
    h = g.input("x", (T, N))
    values = [h]
    for k in range(12):
        inner = np.maximum(0, h @ g.parameter(f"U{k}", (N, N)))
        h = h + np.tanh(inner @ g.parameter(f"V{k}", (N, N)))
        if k >= 4:
            h = h + 0.5 * values[k - 4]
        values.append(h)
    g.output("J", np.mean(h**2))
    return gd.gradient(g, of="J")


def lstm() -> gd.Graph:
    """8 steps, unrolled."""
    g = gd.Graph("LSTM")
    xs = g.input("x", (8, T, N))
    gates = {word: (g.parameter(f"W{word}", (N, N)), g.parameter(f"U{word}", (N, N)))
             for word in "ifog"}  # fmt: skip
    h = c = g.input("h", (T, N))
    for step in range(8):
        i, f, o, new = (xs[step] @ W + h @ U for W, U in gates.values())
        c = gd.special.sigmoid(f) * c + gd.special.sigmoid(i) * np.tanh(new)
        h = gd.special.sigmoid(o) * np.tanh(c)
    g.output("J", np.mean(h**2))
    return gd.gradient(g, of="J")


def u_net() -> gd.Graph:
    """Four halvings and four doublings of the rows, joined level by level."""
    g = gd.Graph("U-Net")
    h = g.input("x", (T, N))
    rows, saved = T, []
    for k in range(4):
        for word in "ab":
            h = np.tanh(h @ g.parameter(f"down{k}{word}", (N, N)))
        saved.append(h)
        rows //= 2
        h = np.mean(np.reshape(h, (rows, 2, N)), axis=1)
    h = np.tanh(h @ g.parameter("middle", (N, N)))
    for k in reversed(range(4)):
        h = np.concatenate([np.repeat(h, 2, axis=0), saved[k]], axis=1)
        h = np.tanh(h @ g.parameter(f"up{k}", (2 * N, N)))
    g.output("J", np.mean(h**2))
    return gd.gradient(g, of="J")


def budgets_of_torch(G: gd.Graph) -> list[gd.Plan]:
    """The plans of torch's knapsack at all budgets."""
    from torch._functorch._activation_checkpointing.knapsack import dp_knapsack

    dag = weigh(rewritten(G, DEFAULT))
    phases = dag.nodes(data="phase")
    items = [
        node for node, phase in phases
        if phase == "forward" and not isinstance(node, Scratch)
        and node not in dag.graph["outputs"]
        and any(dag.nodes[user]["phase"] == "gradient" for user in dag.succ[node])
    ]  # fmt: skip
    sizes = np.array([dag.nodes[node]["size"] for node in items], float)
    costs = [float(dag.nodes[node]["cost"]) for node in items]
    plans = []
    for budget in BUDGETS:
        _, saved, _ = dp_knapsack(list(sizes / sizes.sum()), costs, float(budget))
        kept = {items[i] for i in saved}
        marked = nx.DiGraph(**dag.graph)
        for node, weights in dag.nodes.items():
            again = weights["phase"] == "forward" and node not in kept
            again = again and not isinstance(node, Scratch) and node not in dag.graph["outputs"]
            marked.add_node(node, **weights, **({"policy": "recompute"} if again else {}))
        marked.add_edges_from(dag.edges)
        plans.append(gd.plan(marked, "store", outputs=dag.graph["outputs"]))
    return plans


def measured(f: gd.Compiled, values: dict[str, Any]) -> int:
    f(**values)
    tracemalloc.start()
    f(**values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def cost_of(strategy: str, G: gd.Graph, limit: int) -> float:
    try:
        return float(gd.plan(G, strategy, memory_limit=limit).cost)  # type: ignore[arg-type]  # one of them
    except gd.PlanError:
        return np.inf


@pytest.mark.parametrize("net", [mlp, long_skips, lstm, u_net])
def test_auto_is_the_best_at_every_limit(net: Callable[[], gd.Graph]) -> None:
    G = net()
    rng = np.random.default_rng(0)
    values = {
        name: 0.3 * rng.normal(size=tensor.shape)
        for name, tensor in {**G.inputs, **G.parameters}.items()
    }
    store = gd.plan(G, "store")
    torchs = budgets_of_torch(G)
    print(f"\n{G.name}: {len(store.computations)} values, store {store.peak_bytes:,} bytes")
    print("  limit     auto    bound     √n  revolve    torch   measured / predicted peak")
    for share in SHARES_OF_U_NET if net is u_net else SHARES:
        limit = int(share * store.peak_bytes)
        others = {word: cost_of(word, G, limit) for word in ("sqrt", "revolve")}
        costs = (p.cost for p in torchs if p.peak_bytes <= limit)
        others["torch"] = float(min(costs, default=np.inf))
        plan = gd.plan(G, "auto", memory_limit=limit, time_limit=SECONDS)
        f = gd.compile(G, style="readable", plan=plan)
        ratio = measured(f, values) / plan.peak_bytes
        row = [plan.cost, plan.lower_bound, *others.values()]
        texts = (f"{c / store.cost - 1:9.2%}" if np.isfinite(c) else f"{'–':>9}" for c in row)
        print(f"{share:7.0%}{''.join(texts)}{ratio:12.3f}")
        assert plan.peak_bytes <= limit
        assert plan.cost <= min(others.values())
        assert ratio == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("net", [mlp, long_skips, lstm, u_net])
def test_more_memory_is_never_dearer(net: Callable[[], gd.Graph]) -> None:
    """A schedule within a limit is one within any higher limit."""
    G = net()
    store = gd.plan(G, "store")
    print(f"\n{G.name}: extra work and its bound")
    before: float = store.cost
    for percent in range(95, 0, -5):
        limit = store.peak_bytes * percent // 100
        try:
            plan = gd.plan(G, "auto", memory_limit=limit, time_limit=SECONDS)
        except gd.PlanError:
            break
        extra, bound = (cost / store.cost - 1 for cost in (plan.cost, plan.lower_bound))
        print(f"{percent:4}%{extra:9.2%}{bound:9.2%}", flush=True)
        assert plan.cost >= before
        before = plan.cost


@pytest.mark.parametrize(
    ("net", "shares"),
    [(mlp, (0.4, 0.3)), (long_skips, (0.4, 0.33)), (lstm, (0.4, 0.33)), (u_net, (0.6, 0.55))],
)
def test_a_solver_beside_makes_plans_cheaper(
    net: Callable[[], gd.Graph], shares: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same time, with a core that is idle: the extra work of both limits together."""
    if not beside.available():
        pytest.skip("there is no OR-tools, or no second core for it")
    G = net()
    store = gd.plan(G, "store")
    extra = {True: 0.0, False: 0.0}
    print(f"\n{G.name}: extra work without and with OR-tools, its bound, seconds over the limit")
    for share in shares:
        plans, over = {}, 0.0
        for used in (False, True):
            monkeypatch.setattr(optimal, "available", lambda used=used: used)
            begin = time.perf_counter()
            plans[used] = gd.plan(G, memory_limit=share * store.peak_bytes, time_limit=SECONDS)
            over = max(over, time.perf_counter() - begin - SECONDS)
            extra[used] += plans[used].cost / store.cost - 1
        row = [plans[False].cost, plans[True].cost, max(p.lower_bound for p in plans.values())]
        texts = (f"{cost / store.cost - 1:9.2%}" for cost in row)
        print(f"{share:7.0%}{''.join(texts)}{over:9.2f}", flush=True)
    assert extra[True] <= extra[False]


def transformer(blocks: int) -> gd.Graph:
    g = gd.Graph("transformer")
    h = g.input("x", ("t", 32))
    for k in range(blocks):
        weights = [g.parameter(f"{word}{k}", (32, 32)) for word in "QKVO"]
        q, key, v = (h @ W for W in weights[:3])
        scores = np.exp(0.125 * (q @ key.T))
        attention = scores / np.sum(scores, axis=1, keepdims=True)
        h = h + (attention @ v) @ weights[3]
        h = h - np.mean(h, axis=1, keepdims=True)
        inner = np.tanh(h @ g.parameter(f"up{k}", (32, 128)))
        h = h + inner @ g.parameter(f"down{k}", (128, 32))
    g.output("J", np.mean(h**2))
    return gd.gradient(g, of="J")


@pytest.mark.parametrize(("nodes", "seconds"), [(10_000, 60), (100_000, 120)])
def test_half_the_memory_of_a_large_network(nodes: int, seconds: float) -> None:
    each = len(transformer(20).dag) - len(transformer(19).dag)
    G = transformer(-(-nodes // each))
    sizes = {"t": 128}
    store = gd.plan(G, "store", sizes=sizes)
    begin = time.perf_counter()
    plan = gd.plan(G, memory_limit=store.peak_bytes / 2, sizes=sizes, time_limit=seconds / 2)
    taken = time.perf_counter() - begin
    sqrt = cost_of_sized(G, store.peak_bytes / 2, sizes)
    print(
        f"\n{len(G.dag):,} nodes: {taken:.1f} s, {plan.cost / store.cost - 1:.2%} more work "
        f"(√n {sqrt / store.cost - 1:.2%}; bound {plan.lower_bound / store.cost - 1:.2%})"
    )
    assert plan.peak_bytes <= store.peak_bytes / 2
    assert plan.cost <= sqrt
    assert taken < seconds


def cost_of_sized(G: gd.Graph, limit: float, sizes: dict[str, int]) -> float:
    try:
        return float(gd.plan(G, "sqrt", memory_limit=limit, sizes=sizes).cost)
    except gd.PlanError:
        return np.inf
