"""What a measurement was taken on, in one line."""
import os
import platform

import datasets
import torch
import transformers


def describe_machine() -> str:
    """Processor, cores, and the versions that matter."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} cores"
    return (f"{name}, {device}, Python {platform.python_version()}, torch {torch.__version__}, "
            f"transformers {transformers.__version__}, datasets {datasets.__version__}")
