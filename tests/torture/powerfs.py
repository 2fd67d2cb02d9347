"""A file system for power cuts and full disks: what was written and not synced is lost when the power fails.

Mounted by FUSE over a folder (the disk). Every write stays in memory until fsync or fdatasync of its file. At "cut"
everything not synced is thrown away (policy "drop"), or a random half of the 512-byte sectors not synced reaches the
disk (policy "torn"); from then on every operation fails. What the disk holds is in the folder, for the next boot.

"quota N" leaves N bytes for all files together: what would need more fails with ENOSPC; "quota none" gives space back.

Names, renames and unlinks go straight to the disk: directories count as synced. So a test on it proves nothing of
a missing fsync of a directory.

Runs as `python -m tests.torture.powerfs DISK MOUNT POLICY SEED`: commands on its input, one answer each on its output.
"""

# A file system makes the system's calls, under their own names.
# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH116, PTH208, PTH211

import errno
import os
import random
import sys
import threading
from pathlib import Path

import mfusepy
from mfusepy import FUSE, FuseOSError, Operations, fuse_get_context

SECTOR_BYTES = 512
STAT_FIELDS = ("st_gid", "st_mode", "st_nlink", "st_size", "st_uid")
STAT_TIMES = ("st_atime", "st_ctime", "st_mtime")
STATFS_FIELDS = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_flag", "f_frsize",
                 "f_namemax")  # fmt: skip
KEPT_CHANCE = 0.5


class PowerFs(Operations):
    """The files of a folder, with their unsynced sectors in memory."""

    use_ns = True

    def __init__(self, disk: str, *, policy: str, seed: int) -> None:
        self._disk = disk
        self._policy = policy
        self._rng = random.Random(seed)
        # Path → sector number → content; path → size as its writers see it.
        self._unsynced: dict[str, dict[int, bytes]] = {}
        self._sizes: dict[str, int] = {}
        self._quota_bytes: int | None = None
        self._is_off = False
        self._lock = threading.RLock()

    def cut(self) -> None:
        """Let the power fail."""
        with self._lock:
            if self._policy == "torn":
                for path, sectors in self._unsynced.items():
                    self._write_some(path, sectors)
            self._is_off = True
            self._unsynced.clear()
            self._sizes.clear()

    def set_quota(self, quota_bytes: int | None) -> None:
        """Leave so many bytes from now on, or as many as the disk has."""
        with self._lock:
            self._quota_bytes = quota_bytes

    def _write_some(self, path: str, sectors: dict[int, bytes]) -> None:
        try:
            descriptor = os.open(self._on_disk(path), os.O_RDWR)
        except OSError:
            return
        for number, content in sorted(sectors.items()):
            if self._rng.random() < KEPT_CHANCE:
                os.pwrite(descriptor, content, number * SECTOR_BYTES)
        os.close(descriptor)

    def _on_disk(self, path: str) -> str:
        return self._disk + path

    def _check_power(self) -> None:
        if self._is_off:
            raise FuseOSError(errno.EIO)

    def _size(self, path: str) -> int:
        known = self._sizes.get(path)
        return os.stat(self._on_disk(path)).st_size if known is None else known

    def _take_space(self, path: str, size: int) -> None:
        """Count what the file grows by; refuse when it is more than is left."""
        if self._quota_bytes is None:
            return
        growth = size - self._size(path)
        if growth > self._quota_bytes:
            raise FuseOSError(errno.ENOSPC)
        self._quota_bytes -= max(0, growth)

    def _sector(self, path: str, fh: int, number: int) -> bytes:
        unsynced = self._unsynced.get(path, {}).get(number)
        if unsynced is not None:
            return unsynced
        return os.pread(fh, SECTOR_BYTES, number * SECTOR_BYTES).ljust(SECTOR_BYTES, b"\0")

    def getattr(self, path, fh=None):
        try:
            found = os.lstat(self._on_disk(path))
        except OSError as error:
            raise FuseOSError(error.errno or errno.EIO) from error
        attributes = {name: getattr(found, name) for name in STAT_FIELDS}
        attributes |= {name: getattr(found, f"{name}_ns") for name in STAT_TIMES}
        if path in self._sizes:
            attributes["st_size"] = self._sizes[path]
        return attributes

    def read(self, path, size, offset, fh):
        with self._lock:
            self._check_power()
            wanted = max(0, min(size, self._size(path) - offset))
            if wanted == 0:
                return b""
            if not self._unsynced.get(path):
                return os.pread(fh, wanted, offset).ljust(wanted, b"\0")
            first, last = offset // SECTOR_BYTES, (offset + wanted - 1) // SECTOR_BYTES
            content = b"".join(self._sector(path, fh, number) for number in range(first, last + 1))
            start = offset - first * SECTOR_BYTES
            return content[start : start + wanted]

    def write(self, path, data, offset, fh):
        with self._lock:
            self._check_power()
            end = offset + len(data)
            self._take_space(path, end)
            first, last = offset // SECTOR_BYTES, (end - 1) // SECTOR_BYTES
            content = bytearray(b"".join(self._sector(path, fh, number) for number in (first, last)))
            # Only the two edges keep anything of what was there.
            start = offset - first * SECTOR_BYTES
            head, tail = bytes(content[:start]), bytes(content[SECTOR_BYTES + end - last * SECTOR_BYTES :])
            written = head + data + tail
            sectors = self._unsynced.setdefault(path, {})
            for number in range(first, last + 1):
                begin = (number - first) * SECTOR_BYTES
                sectors[number] = written[begin : begin + SECTOR_BYTES]
            self._sizes[path] = max(self._size(path), end)
            return len(data)

    def fsync(self, path, datasync, fh):
        with self._lock:
            self._check_power()
            descriptor = os.open(self._on_disk(path), os.O_RDWR)
            for number, content in self._unsynced.pop(path, {}).items():
                os.pwrite(descriptor, content, number * SECTOR_BYTES)
            if path in self._sizes:
                os.ftruncate(descriptor, self._sizes.pop(path))
            # The real power never fails here: what is in the folder is on the disk.
            os.close(descriptor)
            return 0

    def truncate(self, path, length, fh=None):
        with self._lock:
            self._check_power()
            self._take_space(path, length)
            sectors = self._unsynced.setdefault(path, {})
            for number in [number for number in sectors if number * SECTOR_BYTES >= length]:
                del sectors[number]
            if length == 0:
                # A cut to nothing counts as done.
                os.truncate(self._on_disk(path), 0)
                self._sizes.pop(path, None)
            else:
                self._sizes[path] = length
            return 0

    def open(self, path, flags):
        self._check_power()
        return os.open(self._on_disk(path), (flags & ~(os.O_WRONLY | os.O_APPEND)) | os.O_RDWR)

    def create(self, path, mode, fi=None):
        self._check_power()
        if self._quota_bytes == 0:
            raise FuseOSError(errno.ENOSPC)
        descriptor = os.open(self._on_disk(path), os.O_RDWR | os.O_CREAT, mode)
        user, group, _ = fuse_get_context()
        os.fchown(descriptor, user, group)
        return descriptor

    def release(self, path, fh):
        os.close(fh)
        return 0

    def flush(self, path, fh):
        return 0

    def fsyncdir(self, path, datasync, fh):
        return 0

    def unlink(self, path):
        self._check_power()
        with self._lock:
            self._unsynced.pop(path, None)
            self._sizes.pop(path, None)
        os.unlink(self._on_disk(path))

    def rename(self, old, new):
        self._check_power()
        with self._lock:
            os.rename(self._on_disk(old), self._on_disk(new))
            for kept in (self._unsynced, self._sizes):
                kept.pop(new, None)
                if old in kept:
                    kept[new] = kept.pop(old)

    def mkdir(self, path, mode):
        self._check_power()
        os.mkdir(self._on_disk(path), mode)
        user, group, _ = fuse_get_context()
        os.chown(self._on_disk(path), user, group)

    def rmdir(self, path):
        os.rmdir(self._on_disk(path))

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self._on_disk(path))]

    def chmod(self, path, mode):
        os.chmod(self._on_disk(path), mode)

    def chown(self, path, uid, gid):
        os.chown(self._on_disk(path), uid, gid)

    def utimens(self, path, times=None):
        os.utime(self._on_disk(path), ns=times)

    def symlink(self, target, source):
        os.symlink(source, self._on_disk(target))

    def readlink(self, path):
        return os.readlink(self._on_disk(path))

    def statfs(self, path):
        found = os.statvfs(self._disk)
        return {name: getattr(found, name) for name in STATFS_FIELDS}


def obey(fs: PowerFs) -> None:
    """Do what is asked on the input, and answer "done"."""
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "cut":
            fs.cut()
        elif word == "quota":
            fs.set_quota(None if rest == "none" else int(rest))
        print("done", flush=True)  # noqa: T201 - the answer


def main() -> None:
    """Mount until it is unmounted."""
    disk, mount, policy, seed = sys.argv[1:5]
    fs = PowerFs(disk, policy=policy, seed=int(seed))
    # libfuse's loop runs in C; between its calls this thread has its turn.
    threading.Thread(target=obey, args=(fs,), daemon=True).start()
    FUSE(fs, str(Path(mount)), foreground=True, nothreads=True, allow_other=True, big_writes=True)


if __name__ == "__main__":
    mfusepy.log.setLevel("ERROR")
    main()
