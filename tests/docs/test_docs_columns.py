"""Every column has a meaning, and the page of tables has what the contracts say."""

import pytest
from columns_section import HEADING, PAGE, columns_section

from flight_client.contracts.notation import meaning
from flight_client.contracts.tables import TABLES


@pytest.mark.parametrize("name", TABLES)
def test_every_column_has_a_sentence(name: str) -> None:
    for column in TABLES[name].schema:
        assert meaning(column).endswith("."), column.name


def test_the_page_lists_the_columns_of_the_contracts() -> None:
    """If this fails: ``python tests/docs/columns_section.py``."""
    assert PAGE.read_text(encoding="utf-8").partition(HEADING)[2].strip("\n") == columns_section().strip("\n")
