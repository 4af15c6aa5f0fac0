"""Threads that save at the same time, each with its own path and `StandardCheckpointer`, receive each other's signals, and fail or hang.

Covers: orbax.standard process/threads
"""

import os
import pathlib
import threading

import jax.numpy as jnp
import orbax.checkpoint as ocp

errors, folder = [], pathlib.Path.cwd()


def save(number):
    for again in range(10):
        try:
            with ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save(folder / f"{number}-{again}", {"weight": jnp.full(4096, number)})
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")


threads = [threading.Thread(target=save, args=(number,), daemon=True) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(5)
stuck = sum(thread.is_alive() for thread in threads)
if stuck or errors:  # threads of Orbax that wait forever keep the interpreter from exiting
    os.write(2, f"AssertionError: {stuck} of 4 threads hang, and others raised {errors[:2]}\n".encode())
    os._exit(1)
