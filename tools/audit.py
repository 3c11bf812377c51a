"""Look the installed packages up among the known vulnerabilities, with pip-audit, and say how many could be looked up.

    python tools/audit.py path/to/pip-audit

pip-audit calls a package that its database does not answer for "skipped", and ends well. Here that is said; a known vulnerability ends with status 1.
"""
import json
import subprocess
import sys
import sysconfig


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    done = subprocess.run([sys.argv[1], "--skip-editable", "--progress-spinner", "off", "--format", "json", "--path", sysconfig.get_path("purelib")],
                          capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"pip-audit gave no result: {done.stderr.strip()[-500:]}")
        return 1
    known = [package for package in packages if "skip_reason" not in package]
    print(f"{len(known)} of {len(packages)} packages audited" + ("" if known else ": SKIPPED, no database is within reach"))
    faults = [(package, fault) for package in known for fault in package["vulns"]]
    for package, fault in faults:
        print(f"{package['name']} {package['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'no version yet'}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
