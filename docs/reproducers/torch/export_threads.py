"""`torch.export.export` fails in two threads at the same time, because tracing modes are global to the process.

Covers: torch.export process/threads
"""

import threading

import torch

modules = [torch.nn.Sequential(*(torch.nn.Linear(8, 8) for _ in range(50))) for _ in range(2)]
barrier, failed = threading.Barrier(2), []


def export(number):
    barrier.wait()
    try:
        torch.export.save(torch.export.export(modules[number], (torch.ones(1, 8),)), f"{number}.pt2")
    except BaseException as error:
        failed.append(f"{type(error).__name__}: {error}")


threads = [threading.Thread(target=export, args=(number,)) for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failed, failed
assert all(torch.equal(torch.export.load(f"{n}.pt2").state_dict["0.weight"], modules[n][0].weight) for n in range(2))
