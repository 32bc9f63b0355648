"""Measuring in a process of its own, with limits: what loads a stranger's model cannot do more than it needs.

supervising  starts the process, relays its progress, explains its end; nothing that comes back can run code
requests     what it is told
worker       the process: gives up what it does not need, then measures
bounds       memory, processor time and environment that it gets
network      takes the network away

What it cannot do: reach the network, see the user's environment (tokens among it), take the whole memory or run for
ever, take the main process along when it crashes. With bubblewrap it also sees neither home nor temporary folders nor
other processes, and writes nothing but its results; without, it reads and writes what its user may. `provcheck doctor`
says which holds.

Nothing is imported here: the process gives up its network before any library starts threads.
"""
