"""Phantoms: procedural frontal chest X-rays whose findings are known, written as NIH ChestX-ray14 writes its own.

``cohort`` decides who is imaged and what is found, ``anatomy`` and ``chest`` draw the healthy chest, ``findings`` lists
how each finding is drawn, ``acquisition`` makes the picture, ``write`` the files.
"""

from __future__ import annotations

from thaw.phantom.write import draw_cohort

__all__ = ["draw_cohort"]
