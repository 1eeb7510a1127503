"""Forecasts of lifetime value in words."""

from typing import Final

FORECASTS: Final = {
    "naive": "same as before",
    "model": "BG/NBD with Gamma-Gamma",
    "nbd": "NBD with Gamma-Gamma",
    "smoothed": "smoothed weekly spend",
    "boosted": "boosted trees",
    "stacked": "weighed together",
    "stacked_absolute": "weighed for the median",
}
