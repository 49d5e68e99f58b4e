"""The cost of back-propagation: one product for each edge, at most O(n²), where paths are 2ⁿ."""

from __future__ import annotations

import pytest

import graphdiff as gd


def complete(n: int) -> gd.Graph:
    """Every node is computed from all that stand before it: n nodes, n (n - 1) / 2 edges."""
    g = gd.Graph("complete")
    nodes = [g.parameter("u1")]
    for i in range(2, n + 1):
        # One op with all of them as operands, so that an edge of the picture is an edge here.
        nodes.append(g.apply("einsum", nodes, {"subscripts": ",".join([""] * len(nodes)) + "->"}))
        nodes[-1].named(f"u{i}")
    g.output("J", nodes[-1])
    return g


@pytest.mark.parametrize("n", [2, 5, 12])
def test_the_worst_case_has_n_squared_edges_and_one_product_each(n: int) -> None:
    g = complete(n)
    edges = n * (n - 1) // 2
    assert (len(g), g.dag.number_of_edges()) == (n, edges)
    report = gd.gradient(g, of="J").report()
    assert report.products == report.path_edges == edges
    assert gd.count_paths(g, "u1", "J") == 2 ** (n - 2)


def test_the_naive_sum_over_paths_is_the_same_derivative() -> None:
    g = complete(5)
    naive, swept = gd.path_sum(g, of="J", wrt="u1"), gd.gradient(g, of="J")
    values = [gd.compile(graph)(u1=1.1)["dJ/du1"] for graph in (naive, swept)]
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    assert values[1] == pytest.approx(8 * 1.1**7, rel=1e-12)  # u5 = u1⁸
