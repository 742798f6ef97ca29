"""Memory plans: whether a model fits on a graphics card, known before it is loaded.

requirements  the memory that a model needs, from the header of its file
host_dtypes   the dtypes that the host chooses on a card
cards         graphics cards to plan for without having one
memory_plan   the plan: the memory of each phase, and the fallback steps
report        a plan as sentences and as a table
chart         a plan as a bar chart
"""

from .memory_plan import Job, Plan, make_plan
from .report import sentences, table
from .requirements import requirements_of

__all__ = ["Job", "Plan", "make_plan", "requirements_of", "sentences", "table"]
