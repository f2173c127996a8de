"""reports/report.html: everything that was found on one page, in one file that needs no network."""
