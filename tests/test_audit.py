"""The audit of the installed packages says what it found, and how much it could not look up."""
import json
import subprocess
import sys

import pytest

from conftest import ROOT

FAULT = {"name": "one", "version": "1.0", "vulns": [{"id": "PYSEC-0000-1", "fix_versions": ["1.1"]}]}
SOUND = {"name": "two", "version": "2.0", "vulns": []}
SKIPPED = {"name": "three", "skip_reason": "not found"}


@pytest.mark.parametrize("packages, status, said", [
    ([SOUND, SKIPPED], 0, "1 of 2 packages audited\n"), ([SKIPPED], 0, "0 of 1 packages audited: SKIPPED"),
    ([FAULT, SOUND], 1, "one 1.0: PYSEC-0000-1, mended in 1.1"), (None, 1, "pip-audit gave no result"),
])
def test_what_pip_audit_found_is_said(tmp_path, packages, status, said):
    program = tmp_path / "pip-audit"
    program.write_text(f"#!{sys.executable}\nprint({json.dumps({'dependencies': packages}) if packages else ''!r})\n", encoding="utf-8")
    program.chmod(0o755)
    done = subprocess.run([sys.executable, ROOT / "tools" / "audit.py", program], capture_output=True, text=True)
    assert done.returncode == status and said in done.stdout, done.stdout + done.stderr
