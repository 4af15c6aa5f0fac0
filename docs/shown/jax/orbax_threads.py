"""Threads that save at once, each at its own path by its own `StandardCheckpointer`, hear each other's signals, and fail or wait forever.

Shows: orbax.standard process/threads
"""

import pathlib
import signal
import threading

import jax.numpy as jnp
import orbax.checkpoint as ocp

errors, folder = [], pathlib.Path.cwd()
signal.alarm(60)  # threads of Orbax that wait forever keep the interpreter from exiting


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
    thread.join(10)
stuck = sum(thread.is_alive() for thread in threads)
assert stuck == len(errors) == 0, f"{stuck} of 4 threads wait forever, and others saw {errors[:2]}"
