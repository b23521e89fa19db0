"""Two ranks that meet over TCP and add up numbers: a training job without the training.

Each rank is a process with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in its environment. Rank 0 listens,
the others connect and send their part, and rank 0 sends the sum back. Needs nothing but Python itself.
"""

import os
import socket
import time

rank = int(os.environ["RANK"])
world_size = int(os.environ["WORLD_SIZE"])
master = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
print(f"RANK={rank} WORLD_SIZE={world_size} MASTER_ADDR={master[0]} GPUS={os.environ['CUDA_VISIBLE_DEVICES']}", flush=True)

part = (rank + 1) * 10
if rank == 0:
    total, peers = part, []
    with socket.create_server(master) as server:
        server.settimeout(60)
        for _ in range(world_size - 1):
            peer, _ = server.accept()
            total += int(peer.recv(64))
            peers.append(peer)
    for peer in peers:
        peer.sendall(str(total).encode())
        peer.close()
else:
    deadline = time.monotonic() + 60
    while True:
        try:
            peer = socket.create_connection(master, timeout=60)
            break
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    peer.sendall(str(part).encode())
    total = int(peer.recv(64))
print(f"rank {rank} of {world_size}: the sum is {total}", flush=True)
