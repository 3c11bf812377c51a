"""
---
title: API
description: Every function of the package by module, with its parameters · Todas as funções do pacote por módulo, com os parâmetros
---
"""
from importlib import import_module

from site_docs import describe

MODULES = ("data", "align", "metrics", "train", "analysis", "inference", "languages", "annotation", "scale", "cli",
           "check", "calibration", "checkpoint", "alarms",
           "exercises", "pictures")

for module in map(import_module, (f"nerteach.{name}" for name in MODULES)):
    print(f"## {module.__name__}\n\n{module.__doc__.splitlines()[0]}\n")
    for name in module.__all__:
        if callable(getattr(module, name)):
            print(describe(name, on_api_page=True) + "\n")
