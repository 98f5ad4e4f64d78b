"""What Compose says of a failure, in the phrases that are known to quote no value.

Compose quotes what it cannot read: an env file's line, an image with a stray `$`, a port. Any of these may
be a secret, so only what is listed here is passed on: kinds of faults, names of services, their own keys
(what stands below them may be a value in the wrong place) and line numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

ERROR_LINES = 5
_NAME = r"[\w.-]+"
_KEY = (
    r"((?:services|networks|volumes|secrets|configs)(?:\.[\w-]+|\[[\w-]+\])?"
    r"(?:\.[a-z_]+(?![\w-]))?)[\w.\[\]-]*"
)
_PHRASES = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (
            rf'service "({_NAME})" depends on undefined service',
            r'service "\1" depends on an undefined service',
        ),
        (
            rf'service "({_NAME})" refers to undefined (volume|network|secret|config) ',
            r'service "\1" refers to an undefined \2',
        ),
        (rf'service "({_NAME})" has neither an image nor', r'service "\1" has neither an image nor a build'),
        (rf'cannot extend service "({_NAME})"', r'service "\1" extends what cannot be found'),
        (r"no such service: ", "no such service"),
        (r"dependency cycle detected", "the services depend on each other in a circle"),
        (rf"^{_KEY} (must be an? [a-z, ]+)$", r"\1 \2"),
        (rf"^validating .*?: {_KEY} (must be an? [a-z, ]+)$", r"\1 \2"),
        (rf"{_KEY} Additional property .* is not allowed", r"\1 has a key that is not allowed"),
        (r"\(root\) Additional property .* is not allowed", "a key at the top is not allowed"),
        (rf"invalid interpolation format for {_KEY}", r"\1 cannot be interpolated: write $$ for a $"),
        (r"^Invalid template: ", "a value cannot be interpolated: write $$ for a $"),
        (rf"interpolating {_KEY}: required variable", r"\1 requires a variable that has no value"),
        (rf"interpolating {_KEY}: failed to cast", r"\1 is not of the type that it must have"),
        (rf"^error decoding '{_KEY}'", r"\1 is not valid"),
        (r"^yaml: line (\d+): ", r"yaml: line \1 cannot be read"),
        (r"^line (\d+): mapping key .* already defined", r"yaml: line \1 defines a key again"),
        (r"^line (\d+): cannot unmarshal", r"yaml: line \1 is not of the kind that it must be"),
        (r"^yaml: ", "yaml: a compose file cannot be read"),
        (r"^failed to read .*?: line (\d+): ", r"an env file cannot be read, line \1"),
        (r"^line (\d+): ", r"an env file cannot be read, line \1"),
        (r"No such image: ([\w./:@-]+)", r"No such image: \1"),
        (
            rf'service "({_NAME})" didn.t complete successfully: exit (\d+)',
            r"""service "\1" didn't complete successfully: exit \2""",
        ),
        (
            rf"container ({_NAME}) (is unhealthy|exited \(\d+\)|has no healthcheck configured)",
            r"dependency failed to start: container \1 \2",
        ),
        (r"(Bind for [\d.:\[\]a-f]+ failed: port is already allocated)", r"\1"),
        (r"address already in use", "an address is already in use"),
        (rf'container name "/?({_NAME})" is already in use', r'the container name "\1" is already in use'),
        (r"declared as external, but could not be found", "an external network is missing"),
        (r"external volume .* not found", "an external volume is missing"),
        (r"bind source path does not exist", "the source of a bind mount does not exist"),
        (r"executable file not found in \$PATH", "a container's command is not found in its image"),
        (r"(no space left on device)", r"\1"),
        (r"(Cannot connect to the Docker daemon)", r"\1"),
        (r"permission denied while trying to connect to the", "permission denied on the Docker socket"),
    )
)
_MISSING = re.compile(r"(?:open|stat|env file:) (\S+?)(?:: no such file or directory)?$")


def reason(stderr: str, verb: str, files: Sequence[str]) -> str:
    """The last known faults, each once; where none is known, how to see what Compose said.

    `files`: those that Compose was given, which may be named.
    """
    lines = [line.strip() for line in stderr.splitlines() if "level=warning" not in line]
    if not any(lines):
        return "it said nothing"
    said = list(dict.fromkeys(phrase for line in lines for phrase in _known(line, files)))
    if said:
        return "; ".join(said[-ERROR_LINES:])
    return f"what it said may hold secrets; see 'docker compose {verb}' with {', '.join(files)}"


def _known(line: str, files: Sequence[str]) -> Iterator[str]:
    """At most one phrase."""
    if "no such file or directory" in line or line.startswith("Couldn't find env file"):
        missing = _MISSING.search(line)
        named = missing is not None and missing[1] in files
        yield f"no such file: {missing[1]}" if missing and named else "no such file, among those referred to"
        return
    for pattern, said in _PHRASES:
        if (match := pattern.search(line)) is not None:
            yield match.expand(said)
            return
