"""HTML kit: templates, styles, scanner, refusals as pages. Imports nothing."""
