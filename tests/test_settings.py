"""Settings are typed, checked at start and documented."""

import os
import re
from pathlib import Path

import pytest

from flows import settings
from flows.errors import SettingsError

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in list(os.environ):
        if name.startswith(settings.PREFIX):
            monkeypatch.delenv(name)


def test_state_lives_under_the_home(monkeypatch, tmp_path):
    """Two homes never meet: every folder that is written lies under GRIDLETTER_HOME."""
    monkeypatch.setenv("GRIDLETTER_HOME", str(tmp_path / "here"))
    options = settings.load()
    for folder in (
        Path(options.archive_address),
        options.outbox_folder,
        options.failed_folder,
        options.capacity_cache_folder,
        Path(options.claims_address),
    ):
        assert folder.is_relative_to(tmp_path / "here")
    assert options.ledger_address == f"sqlite:///{tmp_path / 'here' / 'ledger.db'}"


def test_a_relative_home_is_made_absolute(monkeypatch, tmp_path):
    """A later change of the working directory does not move the state."""
    monkeypatch.chdir(tmp_path)
    assert settings.load().home == tmp_path / "var"


def test_the_archive_url_ends_with_one_slash(monkeypatch):
    """Addresses of pages are the archive's address and a path, whichever way it was written."""
    monkeypatch.setenv("GRIDLETTER_PUBLIC_URL", "https://news.example/archive//")
    assert settings.load().archive_url == "https://news.example/archive/"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOTEBOOK_DEADLINE_SECONDS", "soon"),
        ("NOTEBOOK_DEADLINE_SECONDS", "-1"),
        ("NOTEBOOK_MEMORY_MB", "77"),
        ("PARALLEL_NOTEBOOKS", "0"),
        ("PUBLIC_URL", "javascript:alert(1)"),
        ("UNSUBSCRIBE_URL", "ftp://news.example/"),
        ("MAIL_CONNECTIONS", "0"),
        ("ARCHIVE", "https://bucket.example/prefix"),
    ],
)
def test_a_malformed_setting_is_named(monkeypatch, name, value):
    """The error names the variable and what to do, and never repeats its value."""
    monkeypatch.setenv(settings.PREFIX + name, value)
    with pytest.raises(SettingsError, match=settings.PREFIX + name) as caught:
        settings.load()
    assert value not in str(caught.value)


def test_unsubscribe_links_need_keys(monkeypatch):
    """A link that nobody signed would be refused: without keys the address is refused at start."""
    monkeypatch.setenv("GRIDLETTER_UNSUBSCRIBE_URL", "https://news.example/unsubscribe")
    with pytest.raises(SettingsError, match="UNSUBSCRIBE_KEYS"):
        settings.load()
    monkeypatch.setenv("GRIDLETTER_UNSUBSCRIBE_KEYS", "old, new")
    options = settings.load()
    assert options.unsubscribe_url == "https://news.example/unsubscribe/"
    assert options.unsubscribe_key_list == ["old", "new"]


def test_secrets_do_not_show(monkeypatch):
    """A printed or logged settings object does not hold the key."""
    monkeypatch.setenv("GRIDLETTER_ENTSOE_API_KEY", "not-to-be-seen")
    assert "not-to-be-seen" not in repr(settings.load())


def test_the_readme_has_every_setting_and_no_other():
    """The README's table and the class say the same: names, defaults and meaning."""
    rows = re.findall(
        r"^\| `(GRIDLETTER_\w+)` \| (.*?) \| (.*?) \|$",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    said = {name: (default, meaning) for name, default, meaning in rows}
    meant = {}
    for name, field in settings.Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        if name == "notebooks":
            default = "`notebooks` beside the package"
        if name == "home":
            default = "`./var`"
        meant[settings.PREFIX + name.upper()] = (default, field.description)
    assert said == meant
