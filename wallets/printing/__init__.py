"""What leaves for paper and plastic: sheets of cards, letters, files for a printer of cards."""
