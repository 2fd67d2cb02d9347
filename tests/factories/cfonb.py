"""A CFONB 120 writer for tests: the account of the samples, one currency, two decimals."""

CREDIT, DEBIT = "{ABCDEFGHI", "}JKLMNOPQR"
ACCOUNT = "30006    00001EUR2 12345678901"


def amount(cents):
    """Return an amount of 14 characters whose last one is its sign."""
    digits = f"{abs(cents):014d}"
    return digits[:13] + (CREDIT if cents >= 0 else DEBIT)[int(digits[13])]


def opening(cents, *, on="311026"):
    """Return the record of the balance before."""
    return f"01{ACCOUNT}  {on}".ljust(90) + amount(cents).ljust(30)


def closing(cents, *, on="301126"):
    """Return the record of the balance after."""
    return f"07{ACCOUNT}  {on}".ljust(90) + amount(cents).ljust(30)


def entry(cents, *, on="051126", code="18", label="VIR", reference="", rcn="", npy=""):
    """Return the record of a booking, with those of its end-to-end identifier and its other party when given."""
    record = f"04{ACCOUNT}{code}{on}  {on}{label:<31}".ljust(90) + amount(cents) + reference.ljust(16)
    extra = [f"05{ACCOUNT}{code}{on}     RCN{rcn}".ljust(120)] if rcn else []
    extra += [f"05{ACCOUNT}{code}{on}     NPY{npy}".ljust(120)] if npy else []
    return "\n".join([record, *extra])


def statement_file(*records):
    """Return a file of these records."""
    return "\n".join([*records, ""]).encode("latin-1")
