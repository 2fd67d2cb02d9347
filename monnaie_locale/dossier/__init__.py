"""What the accountant gets: the documents of a month, of a year, of one distribution, as PDF, CSV and workbooks."""
