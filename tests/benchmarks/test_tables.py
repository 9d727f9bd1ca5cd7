from benchmarks.tables import format_table


def test_a_table_is_aligned_markdown() -> None:
    table = format_table("Speed", ("streams", "tokens/s"), [("1", "98.5"), ("16", "1204.0")])
    assert table == "\n".join(
        [
            "**Speed**",
            "",
            "| streams | tokens/s |",
            "| ------- | -------: |",
            "| 1       |     98.5 |",
            "| 16      |   1204.0 |",
            "",
        ]
    )
