"""Compute the book's stored studies; what is done is kept, and the next call goes on from there.

`make studies` computes those that are not stored as their files say, `make studies STUDY=name` one.
"""

import argparse
import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

import pandas as pd
from study import Study, names
from tqdm import tqdm

from mlmlearn.machine import describe, package_versions

ROOT = Path(__file__).resolve().parent.parent


def compute(study, folder, jobs):
    """Compute what the folder lacks, a condition after the other, and return all tables."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = []
    conditions = study.conditions()
    for part, condition in tqdm(conditions, desc=study.name, unit="condition"):
        strategies = list(study.parts[part].strategies)
        replications = study.parts[part].grid.replications
        said = json.dumps([study.seed, part, repr(condition), strategies, replications])
        name = hashlib.sha256(said.encode()).hexdigest()[:16]
        kept, raw = folder / f"{name}.parquet", folder / name
        if not kept.exists():
            table = study.compute(part, condition, n_jobs=jobs, out=raw)
            table.to_parquet(kept.with_suffix(".part"), index=False)
            kept.with_suffix(".part").rename(kept)
            shutil.rmtree(raw)
        tables.append(pd.read_parquet(kept))
    return pd.concat(tables, ignore_index=True)


def main():
    """Compute the studies that are named, or those that are not stored as their files say."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("studies", nargs="*", metavar="NAME", help=f"of {', '.join(names())}")
    parser.add_argument("--replications", type=int, help="another number of data sets, for a try")
    parser.add_argument("--jobs", type=int, default=-1, help="worker processes; -1: one a core")
    chosen = parser.parse_args()
    if unknown := set(chosen.studies) - set(names()):
        sys.exit(f"no study {', '.join(unknown)}; there are {', '.join(names())}")
    for name in chosen.studies or names():
        study = Study.find(name)
        if chosen.replications:
            study = study.with_replications(chosen.replications)
        manifest = study.manifest
        if not chosen.studies and study.identity().items() <= manifest.items():
            print(f"{name}: stored as its file says; name it to compute it again")
            continue
        start = time.monotonic()
        table = compute(study, ROOT / "runs" / "studies" / name, chosen.jobs)
        seconds = round(time.monotonic() - start)
        study.store(table, seconds=seconds, machine=describe(), versions=package_versions())


if __name__ == "__main__":
    main()
