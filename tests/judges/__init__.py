"""Independent readers of the files we write: they import nothing of the code they judge."""
