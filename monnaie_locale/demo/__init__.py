"""A whole month of an example town, run through the operations that the pages and the API use."""
