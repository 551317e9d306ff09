"""Results in the formats of others: tables, figures for papers, reports for CI."""
