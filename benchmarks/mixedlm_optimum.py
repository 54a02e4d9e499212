"""Fit the full multilevel model to every data set of the reference run with mixedlm.

mixedlm (in Rust, with an optimiser of its own) shares no code with lme4. The chapter on
convergence asks of every fit of lme4 whether mixedlm found a better one. Run it with
`python benchmarks/mixedlm_optimum.py`; it takes some minutes and writes
book/data/mixedlm_optimum.parquet.
"""

import warnings
from importlib.metadata import version
from pathlib import Path

import joblib
import mixedlm
import numpy as np
import pandas as pd
from tqdm import tqdm

from mlmlearn import SimulatedData, load_reference

FORMULA = "DV ~ IV1 + IV2 + IV3 + (IV1 + IV2 + IV3 | Group)"
OUT = Path(__file__).resolve().parent.parent / "book" / "data" / "mixedlm_optimum.parquet"


def optimum(simulated: SimulatedData) -> pd.DataFrame:
    """Fit one data set; a row a term."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its message on singular fits
        model = mixedlm.lmer(FORMULA, simulated.data)
    return pd.DataFrame(
        {
            "term": list(simulated.condition.terms),
            "estimate": np.asarray(model.beta, float),
            "se": np.sqrt(np.diag(np.asarray(model.vcov(), float))),
            "reml_deviance": float(model.REMLcrit()),
        }
    )


def main() -> None:
    """Fit all data sets and write the table."""
    reference = load_reference()
    key = reference.data_set_key
    rows = reference.diagnostics.drop_duplicates(key)[key].to_dict("records")
    tables = joblib.Parallel(n_jobs=-1, return_as="generator")(
        joblib.delayed(lambda row: optimum(reference.dataset(row)))(row) for row in rows
    )
    found = [
        table.assign(**row)[[*key, *table.columns]]
        for row, table in tqdm(zip(rows, tables, strict=True), total=len(rows))
    ]
    result = pd.concat(found, ignore_index=True)
    result["mixedlm"] = version("mixedlm")
    result.to_parquet(OUT, index=False)


if __name__ == "__main__":
    main()
