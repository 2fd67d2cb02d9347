"""The shops themselves: admission, their tills, their cashiers."""
