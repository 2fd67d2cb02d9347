"""What leaves for other programs: the payment file, the FEC, a plain-text journal, the trial balance."""
