"""Measure the peak memory of one training step of an encoder on the CPU, beside the estimate.

`python benchmarks/training_memory.py ko-deberta 2 512` prints one JSON line: bytes above the state
before the model was built. The registered encoder's recorded config is used with drawn weights.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time

import psutil
import torch
from transformers import AutoConfig, AutoModel

from encswap.check.memory import training_memory
from encswap.plugins import load_plugins


def measure(name: str, batch: int, length: int) -> dict[str, object]:
    """Take one step's gradients with Adam's moments in place, and watch the resident memory."""
    config = dict(load_plugins().encoders[name].config)
    process, peak, stop = psutil.Process(), [0], threading.Event()
    gc.collect()
    before = process.memory_info().rss
    model = AutoModel.from_config(AutoConfig.for_model(**config)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()

    def watch() -> None:
        while not stop.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    ids = torch.randint(5, 1000, (batch, length))
    states = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    (states * torch.randn_like(states)).sum().backward()
    stop.set()
    watcher.join()
    count = sum(parameter.numel() for parameter in model.parameters())
    estimate = training_memory(count, config, batch=batch, length=length, half=False)
    return {
        "encoder": name,
        "batch": batch,
        "length": length,
        "peak_bytes": peak[0] - before,
        "estimated_bytes": round(estimate.total),
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
