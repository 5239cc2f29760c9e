"""Estimators for scikit-learn: LSTMRegressor, LSTMClassifier, LSTMForecaster.

They work in pipelines, `cross_val_score` and `GridSearchCV`. Needs scikit-learn: pip install 'lstm_fast[sklearn]'.
"""

from importlib.util import find_spec

if find_spec("sklearn") is None:
    raise ImportError("lstm_fast.sklearn needs scikit-learn: pip install 'lstm_fast[sklearn]'")

from lstm_fast.sklearn.estimators import LSTMClassifier, LSTMRegressor
from lstm_fast.sklearn.forecaster import LSTMForecaster

__all__ = ["LSTMClassifier", "LSTMForecaster", "LSTMRegressor"]
