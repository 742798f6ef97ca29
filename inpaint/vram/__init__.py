"""Whether a model fits a card, before it is loaded.

needs         what a model needs, from the header of its file
host_dtypes   the dtypes that the host chooses on a card
cards         cards to plan for without having them
plan          the plan: phase by phase, and what gives way
report        a plan in sentences and as a table
chart         a plan as a small picture
"""

from .needs import requirements_of
from .plan import Job, Plan, make_plan
from .report import sentences, table

__all__ = ["Job", "Plan", "make_plan", "requirements_of", "sentences", "table"]
