"""What params.yaml may say of explanations: heat maps, failures, pictures of features."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thaw.params.section import Section

ExplainMethod = Literal["gradcam", "gradcam++", "layercam", "rollout"]


class ExplainParams(Section):
    """What is shown of every strategy's network, and on how many test images it is measured."""

    method: ExplainMethod
    block: str | None
    examples: int = Field(ge=1, le=20)
    failures: int = Field(ge=0, le=100)
    neighbours: int = Field(ge=1, le=20)
    images: int = Field(ge=0, le=100_000)
    steps: int = Field(ge=2, le=224)
    embedded: int = Field(ge=0, le=100_000)
