"""What an owner may set, from where, and what she hears when it is wrong."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.kit.settings import (
    Settings,
    SettingsError,
    describe,
    load,
    shown,
    unknown_variables,
)

PEM = "-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----"
DKIM = {"PATRON_DKIM_DOMAIN": "shop.example", "PATRON_DKIM_SELECTOR": "patron"}


def refusal(path: Path | None, environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        load(path, environ)
    return str(refused.value)


def test_nothing_given_means_the_defaults() -> None:
    settings = load(None, {})
    assert settings == Settings()
    assert (settings.data_dir, settings.listen_host, settings.listen_port) == (
        Path("patron-data"),
        "127.0.0.1",
        8080,
    )
    assert settings.database_url is None and settings.smtp_host is None
    assert (settings.event_retention_months, settings.ingest_reserved_share) == (13, 0.2)
    assert settings.rejected_retention_days == 7


def test_environment_wins_over_file_wins_over_default(tmp_path: Path) -> None:
    file = tmp_path / "patron.toml"
    file.write_text('smtp_port = 2525\nsmtp_host = "mail.example"\nmail_from_name = ""\n')
    settings = load(file, {"PATRON_SMTP_PORT": "465", "PATRON_SMTP_HOST": ""})
    assert settings.smtp_port == 465
    assert settings.smtp_host == "mail.example"
    assert settings.mail_from_name is None
    assert settings.smtp_security == "starttls"


def test_paths_in_the_file_are_relative_to_it(tmp_path: Path) -> None:
    file = tmp_path / "patron.toml"
    file.write_text('data_dir = "kept"\nsecret_file = "secret.txt"\n')
    (tmp_path / "secret.txt").write_text("0123456789abcdef\n")
    settings = load(file, {})
    assert settings.data_dir == tmp_path / "kept"
    assert settings.secret == "0123456789abcdef"
    assert load(file, {"PATRON_DATA_DIR": "here"}).data_dir == Path("here")
    assert load(None, {"PATRON_DATA_DIR": "~/x"}).data_dir == Path.home() / "x"


def test_a_wrong_value_names_key_value_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "patron.toml"
    file.write_text('listen_port = 70000\nlog_format = "xml"\nsmtp_port = true\n')
    said = refusal(file, {"PATRON_LAKE_FLUSH_EVENTS": "many", "PATRON_INGEST_RESERVED_SHARE": "2"})
    assert said.splitlines() == [
        f"listen_port = 70000 ({file}) is not right: give a whole number from 1 to 65535",
        f"log_format = 'xml' ({file}) is not right: give one of json, text",
        f"smtp_port = True ({file}) is not right: give a whole number from 1 to 65535",
        "ingest_reserved_share = '2' (environment PATRON_INGEST_RESERVED_SHARE) is not right: "
        "give a number from 0 to 0.9",
        "lake_flush_events = 'many' (environment PATRON_LAKE_FLUSH_EVENTS) is not right: "
        "give a whole number, at least 1",
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PUBLIC_URL", "shop.example"),
        ("PUBLIC_URL", "https://shop.example/path"),
        ("PUBLIC_URL", "https://shop.example:99999"),
        ("MAIL_FROM", "not an address"),
        ("MAIL_FROM", "a@b.example\nBcc: c@d.example"),
        ("MAIL_FROM_NAME", "Shop\nBcc: c@d.example"),
        ("OWNER_EMAIL", "a@b.example, c@d.example"),
        ("LAKE_FLUSH_SECONDS", "inf"),
        ("LAKE_FLUSH_SECONDS", "nan"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy.example"),
        ("DATABASE_URL", "the one over there"),
    ],
)
def test_values_their_type_alone_does_not_judge(key: str, value: str) -> None:
    said = refusal(None, {f"PATRON_{key}": value})
    assert said.startswith(f"{key.lower()} = ") and "is not right: give" in said
    assert "\n" not in said


def test_wrong_secrets_are_not_repeated() -> None:
    assert "hunter2" not in refusal(None, {"PATRON_SECRET": "hunter2"})
    assert "hunter2" not in refusal(None, {"PATRON_DATABASE_URL": "host hunter2"})


def test_an_unknown_key_in_the_file_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    file = tmp_path / "patron.toml"
    file.write_text('smpt_host = "x"\nzzz = 1\ntest_socket = "/x"\n')
    said = refusal(file, {})
    assert f"smpt_host ({file}) is not a setting; did you mean smtp_host?" in said
    assert f"zzz ({file}) is not a setting; remove it" in said
    assert f"test_socket ({file}) is not a setting" in said


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "patron.toml"
    assert refusal(missing, {}).startswith(f"{missing} cannot be read: No such file")
    missing.write_text("listen_port =\n")
    assert f"{missing} is not valid TOML" in refusal(missing, {})


def test_misspelt_variables_are_found() -> None:
    environ = {"PATRON_SMPT_HOST": "x", "PATRON_CONFIG": "y", "PATRON_SMTP_HOST": "z", "HOME": "h"}
    assert unknown_variables(environ) == [("PATRON_SMPT_HOST", "PATRON_SMTP_HOST")]


def test_secrets_come_from_files(tmp_path: Path) -> None:
    file = tmp_path / "smtp"
    file.write_text("hunter2\n")
    environ = {"PATRON_SMTP_USER": "shop", "PATRON_SMTP_PASSWORD_FILE": str(file)}
    assert load(None, environ).smtp_password == "hunter2"
    both = refusal(None, {**environ, "PATRON_SMTP_PASSWORD": "x"})
    assert "smtp_password and smtp_password_file are both given" in both
    assert load(None, {**environ, "PATRON_SMTP_PASSWORD": "hunter2"}).smtp_password == "hunter2"
    gone = refusal(None, {"PATRON_SMTP_PASSWORD_FILE": str(tmp_path / "gone")})
    assert "smtp_password_file = " in gone and "No such file" in gone
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    assert "it is not text" in refusal(None, {"PATRON_SECRET_FILE": str(tmp_path / "bytes")})


def test_the_signing_key_is_text_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "dkim.pem"
    file.write_text(PEM + "\n")
    for value in (PEM, str(file)):
        assert load(None, {**DKIM, "PATRON_DKIM_KEY": value}).dkim_key == PEM
    assert load(None, {**DKIM, "PATRON_DKIM_KEY_FILE": str(file)}).dkim_key == PEM
    assert "No such file" in refusal(None, {**DKIM, "PATRON_DKIM_KEY": str(tmp_path / "gone")})
    file.write_text("-----BEGIN PUBLIC KEY-----")
    assert "PEM text of a private key" in refusal(None, {**DKIM, "PATRON_DKIM_KEY": str(file)})


def test_settings_that_belong_together() -> None:
    assert "dkim_key is missing" in refusal(None, DKIM)
    assert "smtp_user is given without smtp_password" in refusal(None, {"PATRON_SMTP_USER": "x"})
    assert "smtp_password is given without" in refusal(None, {"PATRON_SMTP_PASSWORD": "x"})


def test_the_public_url_follows_the_port_and_loses_its_slash() -> None:
    assert load(None, {"PATRON_LISTEN_PORT": "9000"}).public_url == "http://127.0.0.1:9000"
    given = {"PATRON_LISTEN_PORT": "9000", "PATRON_PUBLIC_URL": "https://p.shop.example/"}
    assert load(None, given).public_url == "https://p.shop.example"


def test_proxies_are_networks_with_commas_between() -> None:
    settings = load(None, {"PATRON_TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8"})
    assert settings.trusted_proxies == "127.0.0.1/32, 10.0.0.0/8"


def test_secrets_are_masked_when_shown() -> None:
    settings = load(
        None,
        {
            "PATRON_SECRET": "0123456789abcdef",
            "PATRON_SMTP_USER": "shop",
            "PATRON_SMTP_PASSWORD": "hunter2",
            "PATRON_DATABASE_URL": "postgresql://patron:s3cret@db/patron",
            **DKIM,
            "PATRON_DKIM_KEY": PEM,
        },
    )
    for text in (repr(settings), str(settings), str(shown(settings))):
        for secret in ("0123456789abcdef", "hunter2", "s3cret", "MIIabc"):
            assert secret not in text
        assert "postgresql://patron:[hidden]@db/patron" in text
    assert shown(settings)["smtp_user"] == "shop"
    assert shown(settings)["smtp_host"] == ""


def test_every_setting_is_described() -> None:
    docs = {doc.key: doc for doc in describe()}
    assert list(docs) == [field.name for field in msgspec.structs.fields(Settings)]
    for doc in docs.values():
        assert len(doc.description) > 15 and "\n" not in doc.description
        assert doc.env == f"PATRON_{doc.key.upper()}"
    assert {key for key, doc in docs.items() if doc.secret} == {
        "database_url",
        "secret",
        "smtp_password",
        "dkim_key",
    }
    assert docs["listen_port"].type == "a whole number from 1 to 65535"
    assert docs["listen_port"].default == "8080"
    assert docs["smtp_host"].default is None


def test_every_default_may_be_written_down_and_read_again(tmp_path: Path) -> None:
    environ = {doc.env: doc.default for doc in describe() if doc.default is not None}
    assert load(None, environ) == Settings()


@given(
    st.dictionaries(
        st.sampled_from([doc.env for doc in describe()]), st.text(max_size=30), max_size=4
    )
)
def test_any_environment_is_read_or_refused_in_words(environ: dict[str, str]) -> None:
    try:
        assert isinstance(load(None, environ), Settings)
    except SettingsError as error:
        assert any(key.lower() in str(error) for key in (env[7:] for env in environ))
