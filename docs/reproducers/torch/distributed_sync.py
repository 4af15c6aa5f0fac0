"""`torch.distributed.checkpoint` syncs files before Python flushes its buffers, so with `sync_files` some data are not on disk.

Covers: torch.distributed-checkpoint crash/durable
Upstream: pytorch/pytorch#183878
"""

import os
import pathlib

import torch
import torch.distributed.checkpoint as dcp

on_disk = {}
sync = os.fsync


def remember(descriptor):
    sync(descriptor)
    link = pathlib.Path(f"/proc/self/fd/{descriptor}")
    on_disk[link.readlink().name] = link.read_bytes()


os.fsync = remember
saved = {"x": torch.arange(1.0, 4.0)}
dcp.save(saved, checkpoint_id="checkpoint")
for name, synced in on_disk.items():  # this is what a power failure leaves
    pathlib.Path("checkpoint", name.removesuffix(".tmp")).write_bytes(synced)
loaded = {"x": torch.zeros(3)}
dcp.load(loaded, checkpoint_id="checkpoint")
assert torch.equal(loaded["x"], saved["x"]), f"got {loaded['x']}"
