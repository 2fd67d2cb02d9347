"""The bank's statements, and what each of their lines is in the books."""
