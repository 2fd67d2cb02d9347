"""What banks send, read into one model: each format is bytes in, a bank file or a refusal out."""
