"""The Python examples of the page on statistics are true."""

import pytest
from pages import DOCS, Block, blocks

PAGE = DOCS / "statistics.md"
EXAMPLES = [block for block in blocks(PAGE) if block.info == "python"]


@pytest.mark.parametrize("block", EXAMPLES, ids=[f"line-{block.number}" for block in EXAMPLES])
def test_example(block: Block) -> None:
    """The example runs by itself, and all that it asserts holds."""
    source = "\n" * (block.number - 1) + "\n".join(block.lines)
    assert "assert" in source
    # The example is our own page's.
    exec(compile(source, str(PAGE), "exec"), {})  # noqa: S102
