"""Files that are on the disk when a command says so, under their name only when they are whole."""

import errno
import hashlib
import os
import shutil
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
BYTES_PER_PART = 2**20
UNABLE = (errno.EINVAL, errno.ENOTSUP)


def new_file(path: Path) -> None:
    """Make an empty file that only its owner reads; raises FileExistsError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))


def write_new(path: Path, content: str) -> None:
    """Write a text to a new file, on the disk when this returns; raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "w", encoding="ascii") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # A shared folder on a network may know no waiting for its names; a file's bytes are always waited for.
        if not (path.is_dir() and error.errno in UNABLE):
            raise
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_new(source: Path, target: Path) -> str:
    """Copy a file to a new one, on the disk when this returns; return the SHA-256 of what was written."""
    digest = hashlib.sha256()
    with source.open("rb") as read:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as write:
            while part := read.read(BYTES_PER_PART):
                digest.update(part)
                write.write(part)
            write.flush()
            os.fsync(write.fileno())
    return digest.hexdigest()


def forget(folder: Path) -> None:
    """Remove a folder that only this command wrote to."""
    shutil.rmtree(folder, ignore_errors=True)
