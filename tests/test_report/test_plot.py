from contrastive_lab.report.plot import Scale


def test_an_axis_is_logarithmic_over_a_factor_of_eight_and_even_where_numbers_crowd() -> None:
    assert Scale([1, 4, 16]).log
    assert not Scale([0.1, 0.2, 0.4]).log
    assert not Scale([0, 100]).log
    momentum = Scale([0, 0.9, 0.99, 0.999])
    assert [momentum.position(value) for value in momentum.values] == [0, 1, 2, 3]  # 0.99 and 0.999 would be one
    words = Scale(["sync", None, "shuffle", "sync"])
    assert [words.position(value) for value in (None, "shuffle", "sync")] == [0, 1, 2]
    assert Scale([4, None, 16, 4.0]).values == [4, 16]
