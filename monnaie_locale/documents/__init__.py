"""The paper kit: QR codes, and accessible PDF documents set with typst. Values in, bytes out."""
