"""A mount of powerfs that a test can cut, fill and take away; and the reason why there may be none."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DEVICE = Path("/dev/fuse")
MOUNT_S_MAX = 30
DROP, TORN = "drop", "torn"


def why_not() -> str | None:
    """Return why no power cut can be made on this machine, or None."""
    if os.geteuid() != 0:
        return "only root may mount"
    if not find_library("fuse"):
        return "Debian's libfuse2 is missing"
    return None


@dataclass
class Disk:
    """A disk whose power can be cut: `mount` is what programs use, `folder` what is really on it."""

    folder: Path
    mount: Path
    process: subprocess.Popen[bytes]

    def cut(self) -> None:
        """Let the power fail: what was not synced is gone, and nothing works any more."""
        self._tell("cut")

    def leave(self, quota_bytes: int | None) -> None:
        """Leave so many bytes of free space; None for as many as there are."""
        self._tell(f"quota {'none' if quota_bytes is None else quota_bytes}")

    def _tell(self, command: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n"


@contextmanager
def mounted(folder: Path, mount: Path, *, policy: str = DROP, seed: int = 0) -> Iterator[Disk]:
    """Mount the folder as a disk during the block."""
    mount.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.torture.powerfs", str(folder), str(mount), policy, str(seed)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    until = time.monotonic() + MOUNT_S_MAX
    while not os.path.ismount(mount):
        assert process.poll() is None, "powerfs ended"
        assert time.monotonic() < until, "powerfs did not mount"
        time.sleep(0.01)
    try:
        yield Disk(folder, mount, process)
    finally:
        # Lazily: a process that still holds a file must not keep the next boot waiting.
        subprocess.run(["umount", "--lazy", str(mount)], check=False, capture_output=True)
        process.kill()
        process.wait()


def copy_disk(source: Path, target: Path) -> None:
    """Copy a folder with the owners of its files."""
    shutil.copytree(source, target, symlinks=True)
    for path in (source, *source.rglob("*")):
        status = path.lstat()
        os.chown(target / path.relative_to(source), status.st_uid, status.st_gid, follow_symlinks=False)
