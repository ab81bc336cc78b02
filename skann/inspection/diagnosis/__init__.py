"""Find out what is wrong with a fit: a table of small checks, and their report."""

from skann.inspection.diagnosis.diagnose import diagnose
from skann.inspection.diagnosis.report import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "diagnose"]
