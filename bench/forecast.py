"""How wrong are the forecasts? The last eight weeks of a real shop's year, forecast from the weeks before, beside simple methods.

The data (UCI Online Retail, CC-BY-4.0) lie beside the clone; the errors to beat were measured by others on the same weeks and SKUs.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tools.rules import forecasting
from tools.rules.forecasting import Weeks

DATA = Path(__file__).parents[2] / "shared/evals/retail_transactions"
SALES = DATA / "online_retail_2010_2011.csv.gz"
LAST, WEEKS, AHEAD = date(2011, 12, 4), 53, 8


def measure() -> str:
    title = "## Forecasts\n\n"
    if not SALES.exists():
        return f"{title}Not measured: {SALES.name} is not there."
    skus: list[str] = json.loads((DATA / "forecast_skus.json").read_text())
    anchors: dict[str, Any] = json.loads((DATA / "forecast_anchors_measured_here.json").read_text())
    sold = _sold(skus)
    before, came = sold[:, :-AHEAD], sold[:, -AHEAD:]
    made = [forecasting.forecast(row[None, :], AHEAD) for row in before]
    ours = _errors(np.vstack([one.weeks for one in made]), before, came)
    rows = [
        ("**forecast_demand**", *ours),
        *((f"{name}, as given", *(one[key] for key in ("wape", "mase", "bias"))) for name, one in _methods(anchors)),
    ]
    table = "\n".join(f"| {name} | {wape:.3f} | {mase:.2f} | {bias:+.2f} |" for name, wape, mase, bias in rows)
    return (
        f"{title}Units a week of {len(skus)} SKUs of a real shop: {before.shape[1]} weeks known, the next {AHEAD} forecast at once "
        "(its busiest, before Christmas; of a season before there is no record). WAPE is all misses by all that was sold.\n\n"
        f"| method | WAPE | MASE | bias |\n|---|---:|---:|---:|\n{table}\n\n{_inside(made, came)}"
    )


def _methods(anchors: dict[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    for name, one in anchors.items():
        if isinstance(one, dict) and "wape" in one:
            yield name, one


def _sold(skus: list[str]) -> Weeks:
    """Units by SKU and week. Cancellations, and lines that are no sales, are left out."""
    row_of = {sku: row for row, sku in enumerate(skus)}
    first = LAST - timedelta(days=7 * WEEKS - 1)
    sold = np.zeros((len(skus), WEEKS))
    with gzip.open(SALES, "rt", encoding="utf-8", errors="replace") as lines:
        for line in csv.DictReader(lines):
            sku, units = line["StockCode"], int(line["Quantity"])
            if sku not in row_of or line["InvoiceNo"].startswith("C") or units <= 0 or float(line["UnitPrice"]) <= 0:
                continue
            week = (date.fromisoformat(line["InvoiceDate"][:10]) - first).days // 7
            if 0 <= week < WEEKS:
                sold[row_of[sku], week] += units
    return sold


def _errors(forecast: Weeks, before: Weeks, came: Weeks) -> tuple[float, float, float]:
    """WAPE and bias of all together; MASE of each SKU, on average."""
    misses = np.abs(forecast - came)
    usual = np.abs(np.diff(before, axis=1)).mean(axis=1)
    mase = (misses.mean(axis=1)[usual > 0] / usual[usual > 0]).mean()
    return float(misses.sum() / came.sum()), float(mase), float((forecast - came).sum() / came.sum())


def _inside(made: list[forecasting.Forecast], came: Weeks) -> str:
    weeks = np.mean([((one.low <= row) & (row <= one.high)).mean() for one, row in zip(made, came, strict=True)])
    sums = np.mean([one.total_low <= row.sum() <= one.total_high for one, row in zip(made, came, strict=True)])
    return f"Of the weeks {weeks:.0%} lay in their intervals, of the sums of all eight {sums:.0%}."
