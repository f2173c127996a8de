"""Two projects, run once: several labels an image, whole pictures; one label an image, cropped pictures."""

from __future__ import annotations

import pytest

from tests.use.made import Project, make_project


@pytest.fixture(scope="session")
def multilabel(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("use") / "multilabel", "multilabel")


@pytest.fixture(scope="session")
def multiclass(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("use") / "multiclass", "multiclass")


@pytest.fixture(params=["multilabel", "multiclass"])
def project(request: pytest.FixtureRequest) -> Project:
    made: Project = request.getfixturevalue(request.param)
    return made
