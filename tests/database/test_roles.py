"""Which statements of a globals file create what is missing: those, and nothing of any other role."""

from __future__ import annotations

import pytest

from watchdog.database.roles import missing_roles, statements_for

GLOBALS = r"""--
-- PostgreSQL database cluster dump
--

\restrict abc

SET default_transaction_read_only = off;

--
-- Roles
--

CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM; -- it''s
CREATE ROLE evil;';
CREATE ROLE "of; two";
ALTER ROLE "of; two" WITH NOLOGIN;
CREATE ROLE shop;
ALTER ROLE shop WITH SUPERUSER LOGIN PASSWORD 'x';

--
-- User Config "app"
--

ALTER ROLE app SET search_path TO 'a', 'b';
ALTER ROLE app IN DATABASE shop SET work_mem TO '1MB';
COMMENT ON ROLE app IS 'the application''s';

GRANT "of; two" TO app WITH INHERIT TRUE GRANTED BY shop;
GRANT pg_monitor TO shop GRANTED BY shop;

CREATE TABLESPACE fast OWNER shop LOCATION '/fast';

\unrestrict abc
"""


def test_only_what_the_server_lacks_is_missing() -> None:
    assert missing_roles(GLOBALS, {"shop", "postgres"}) == ("app", "of; two")
    assert missing_roles(GLOBALS, {"shop", "app", "of; two"}) == ()
    assert missing_roles("", set()) == ()


def test_a_role_comes_with_its_attributes_and_memberships_and_without_other_roles() -> None:
    assert statements_for(GLOBALS, ["app"]) == (
        "CREATE ROLE app",
        "ALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM; -- it''s\nCREATE ROLE evil;'",
        "ALTER ROLE app SET search_path TO 'a', 'b'",
        "COMMENT ON ROLE app IS 'the application''s'",
        'GRANT "of; two" TO app WITH INHERIT TRUE',
    )


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (
            "of; two",
            (
                'CREATE ROLE "of; two"',
                'ALTER ROLE "of; two" WITH NOLOGIN',
                'GRANT "of; two" TO app WITH INHERIT TRUE',
            ),
        ),
        ("nobody", ()),
    ],
)
def test_a_membership_belongs_to_both_of_its_roles(role: str, expected: tuple[str, ...]) -> None:
    assert statements_for(GLOBALS, [role]) == expected
