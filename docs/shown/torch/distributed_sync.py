"""`torch.distributed.checkpoint` syncs files before Python has flushed them, so what `sync_files` promises to be on disk is not all there.

Shows: torch.distributed-checkpoint crash/durable
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
came = {"x": torch.zeros(3)}
dcp.load(came, checkpoint_id="checkpoint")
assert torch.equal(came["x"], saved["x"]), f"{came['x']} came"
