"""The main job as functions: read a series, train on it, score it against naive forecasts, forecast it.

from lstm_fast.forecast import forecast, read_csv, write_files

result = forecast(read_csv("data.csv"))
print(result.one_step["lstm"].rmse, result.one_step["naive"].rmse)
write_files(result, "out")
"""

from __future__ import annotations

from .errors import DataError, RunError
from .files import check_folder, write_files
from .job import Forecast, forecast
from .options import Options
from .report import as_dict, as_text
from .series import Series, from_array, read_csv

__all__ = [
    "DataError",
    "Forecast",
    "Options",
    "RunError",
    "Series",
    "as_dict",
    "as_text",
    "check_folder",
    "forecast",
    "from_array",
    "read_csv",
    "write_files",
]
