"""The comparison of all cells: tables, the page, figures."""
