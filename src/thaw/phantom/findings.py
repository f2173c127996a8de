"""NIH's 14 findings and how each is drawn. To change a finding, change its function; to add one, register it here."""

from __future__ import annotations

from thaw.phantom import chronic, opacities
from thaw.phantom.lesions import Finding

FINDINGS: dict[str, Finding] = {
    "Atelectasis": Finding(opacities.atelectasis, opacities.lose_volume),
    "Cardiomegaly": Finding(chronic.cardiomegaly, chronic.enlarge_heart),
    "Consolidation": Finding(opacities.consolidation),
    "Edema": Finding(opacities.edema),
    "Effusion": Finding(chronic.effusion),
    "Emphysema": Finding(chronic.emphysema, chronic.hyperinflate),
    "Fibrosis": Finding(chronic.fibrosis),
    "Hernia": Finding(chronic.hernia),
    "Infiltration": Finding(opacities.infiltration),
    "Mass": Finding(opacities.mass),
    "Nodule": Finding(opacities.nodule),
    "Pleural_Thickening": Finding(chronic.pleural_thickening),
    "Pneumonia": Finding(opacities.pneumonia),
    "Pneumothorax": Finding(chronic.pneumothorax),
}
