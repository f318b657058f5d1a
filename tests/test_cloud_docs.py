"""docs/cloud.md: it names what the stack's program and the workflows really take."""

from __future__ import annotations

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = (REPOSITORY / "docs" / "cloud.md").read_text("utf-8")


def table(heading: str) -> dict[str, list[str]]:
    """Return the rows of the table whose head begins so, by their first cell's code."""
    block = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    rows = [line.strip().strip("|").split("|") for line in block.splitlines()[2:]]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in rows}


def test_each_setting_of_the_stack_is_documented_with_its_default():
    """The table of settings has each field of the stack's configuration, and its default."""
    program = ast.parse((REPOSITORY / "infra" / "config.py").read_text("utf-8"))
    (model,) = (n for n in program.body if isinstance(n, ast.ClassDef) and n.name == "StackConfig")
    fields = {
        field.target.id: ast.literal_eval(field.value)
        for field in model.body
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and field.value is not None
    }
    assert len(fields) > 5
    rows = table("key")
    # These three are read beside the model: the provider's region, and what is secret.
    assert set(rows) == set(fields) | {"aws:region", "smtp_url", "entsoe_api_key"}
    for name, default in fields.items():
        said = "" if default is None else f"`{str(default).lower()}`"
        assert rows[name][0] == said, name


def test_each_variable_of_the_environment_is_documented():
    """The table of GitHub's environment has each variable and each secret that Deploy reads."""
    workflow = (REPOSITORY / ".github" / "workflows" / "deploy.yml").read_text("utf-8")
    read = {
        (name, {"vars": "variable", "secrets": "secret"}[kind])
        for kind, name in re.findall(r"\b(vars|secrets)\.(\w+)", workflow)
    }
    rows = table("name")
    assert {(name, cells[0].partition(",")[0]) for name, cells in rows.items()} == read


def test_what_a_run_can_not_do_without_is_what_the_page_demands():
    """Deploy refuses to start without exactly what the page does not say may be missing."""
    workflow = (REPOSITORY / ".github" / "workflows" / "deploy.yml").read_text("utf-8")
    found = re.search(r"for name in ([A-Z_ ]+); do", workflow)
    assert found is not None
    demanded = {name for name, cells in table("name").items() if "missing" not in cells[0]}
    assert demanded - {"SMTP_URL"} == set(found[1].split())
