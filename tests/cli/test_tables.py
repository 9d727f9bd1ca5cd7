from arriero.cli.tables import aligned


def test_columns_are_aligned_by_what_is_seen() -> None:
    assert aligned([("漢字", "a"), ("e\u0301", "b"), ("four", "c")]) == "漢字    a\ne\u0301       b\nfour    c"
