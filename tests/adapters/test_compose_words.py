"""What Compose says is passed on in known phrases: no secret of a compose or env file is ever among them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from watchdog.adapters.compose_words import reason

FILES = ("/shop/compose.yml", "/shop/.env")
SAID = {
    'service "a" depends on undefined service "hunter2": invalid compose project': (
        'service "a" depends on an undefined service'
    ),
    'service "a" refers to undefined volume hunter2: invalid compose project': (
        'service "a" refers to an undefined volume'
    ),
    "services.a.image must be a string": "services.a.image must be a string",
    "validating /opt/x.yml: services.a.environment.hunter2 must be a string, number, boolean or null": (
        "services.a.environment must be a string, number, boolean or null"
    ),
    "validating /shop/compose.yml: services.a Additional property hunter2 is not allowed": (
        "services.a has a key that is not allowed"
    ),
    "invalid interpolation format for services.a.image.\nYou may need to escape any $.\nhunter2${oops": (
        "services.a.image cannot be interpolated: write $$ for a $"
    ),
    'Invalid template: "${hunter2"': "a value cannot be interpolated: write $$ for a $",
    'failed to read /opt/.env: line 3: unterminated quoted value "hunter2\nmore hunter2': (
        "an env file cannot be read, line 3"
    ),
    'line 1: unexpected character "-" in variable name near "PASS-WORD=hunter2\\nX=1"': (
        "an env file cannot be read, line 1"
    ),
    "error while interpolating services.a.image: required variable X is missing a value: hunter2": (
        "services.a.image requires a variable that has no value"
    ),
    "error decoding 'services[a].healthcheck.interval': time: invalid duration \"hunter2\"": (
        "services[a].healthcheck is not valid"
    ),
    "yaml: line 3: did not find expected ',' or ']'": "yaml: line 3 cannot be read",
    "yaml: unknown anchor 'hunter2' referenced": "yaml: a compose file cannot be read",
    "open /shop/compose.yml: no such file or directory": "no such file: /shop/compose.yml",
    "open /shop/hunter2: no such file or directory": "no such file, among those referred to",
    'time="x" level=warning msg="hunter2 is not set"\nNo such image: shop:9\n': "No such image: shop:9",
    """service "migrate" didn't complete successfully: exit 3""": (
        """service "migrate" didn't complete successfully: exit 3"""
    ),
    "dependency failed to start: container shop-db-1 is unhealthy": (
        "dependency failed to start: container shop-db-1 is unhealthy"
    ),
    "": "it said nothing",
    "Invalid containerPort: hunter2": (
        "what it said may hold secrets; see 'docker compose config' with /shop/compose.yml, /shop/.env"
    ),
}


@pytest.mark.parametrize("stderr", SAID)
def test_says_what_is_wrong_and_quotes_nothing(stderr: str) -> None:
    assert reason(stderr, "config", FILES) == SAID[stderr]


def test_says_the_last_faults_once_each() -> None:
    stderr = "".join(f"No such image: shop:{number}\n" * 2 for number in range(9))
    assert reason(stderr, "up", FILES) == "; ".join(f"No such image: shop:{number}" for number in range(4, 9))


POSITIONS = (
    "services:\n  a:\n    image: {}\n",
    'services:\n  a:\n    image: "{}"\n',
    "services:\n  a:\n    image: x\n    environment:\n      A: {}\n",
    "services:\n  a:\n    image: x\n    environment:\n      - {}\n",
    "services:\n  a:\n    image: x\n    environment:\n      {}: {{b: c}}\n",
    "services:\n  a:\n    image: x\n    environment: {{A: {}}}\n",
    "services:\n  a:\n    image: x\n    environment:\n      A: 'x'{}\n",
    "services:\n  a:\n    image: x\n    {}: 1\n",
    "services:\n  a:\n    image: x\n{}\n",
    "{}: 1\n",
    "services: {}\n",
    "services:\n  a: {}\n",
    "services:\n  a:\n    image: x\n    command: {}\n",
    "services:\n  a:\n    image: x\n    ports: [{}]\n",
    "services:\n  a:\n    image: x\n    ports: ['{}']\n",
    "services:\n  a:\n    image: x\n    volumes: ['{}']\n",
    "services:\n  a:\n    image: x\n    volumes: ['{}:/x']\n",
    "services:\n  a:\n    image: x\n    depends_on: ['{}']\n",
    "services:\n  a:\n    image: x\n    networks: ['{}']\n",
    "services:\n  a:\n    image: x\n    secrets: ['{}']\n",
    "services:\n  a:\n    image: x\n    env_file: '{}'\n",
    "services:\n  a:\n    image: x\n    extends: {{file: '{}', service: b}}\n",
    "services:\n  a:\n    image: x\n    extends: {{service: '{}'}}\n",
    "services:\n  a:\n    image: x\n    cpus: {}\n",
    "services:\n  a:\n    image: x\n    mem_limit: '{}'\n",
    "services:\n  a:\n    image: x\n    healthcheck: {{interval: '{}'}}\n",
    "services:\n  a:\n    image: x\n    ulimits: {{nofile: '{}'}}\n",
    "services:\n  a:\n    image: x\n    network_mode: 'service:{}'\n",
    "services:\n  a:\n    image: x\n    build: {{context: '{}', args: ['{}']}}\n",
    "name: '{}'\nservices:\n  a:\n    image: x\n",
    "include: ['{}']\n",
)
ENV_POSITIONS = (
    "A={}\n",
    'A="{}\n',
    "A='{}\n",
    "A {}\n",
    "{}\n",
    "{}=1\n",
    "export {}\n",
    "A=1\n{}\nB=2\n",
    "A: {}\n",
)
SECRET = "hunter2"
around = st.text(alphabet=":{}[]()$\"'# \n\t-*&!|>%@`\\=?,;/.<~aZ0", max_size=4)


@pytest.mark.engine
@pytest.mark.timeout(300)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(POSITIONS), st.sampled_from(("A=1\n", *ENV_POSITIONS)), around, around)
@example(POSITIONS[0], "A=1\n", "", "${oops")
@example(POSITIONS[0], "A=1\n", "${", "")
@example(POSITIONS[0], ENV_POSITIONS[1], "", "")
def test_no_secret_in_any_place_is_ever_repeated(
    engine_environment: dict[str, str], tmp_path: Path, compose: str, env: str, before: str, after: str
) -> None:
    secret = before + SECRET + after
    file = tmp_path / "compose.yaml"
    file.write_text(compose.format(*[secret] * 2))
    (tmp_path / ".env").write_text(env.format(secret))
    argv = [
        "docker",
        "compose",
        "--project-directory",
        str(tmp_path),
        "--file",
        str(file),
        "config",
        "--hash",
        "*",
    ]
    done = subprocess.run(
        argv, env={**os.environ, **engine_environment}, capture_output=True, text=True, check=False
    )
    event(f"refused: {done.returncode != 0}, repeats it: {SECRET in done.stderr}")
    if done.returncode != 0:
        assert SECRET not in reason(done.stderr, "config", (str(file),)), done.stderr
