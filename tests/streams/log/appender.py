"""A process that appends: `python -m tests.streams.log.appender URL TOPIC NAME COUNT`.

It prints `partition offset value` for each message once the log has acknowledged it.
"""

from __future__ import annotations

import sys

from streams.log import Message, open_log


def main(url: str, topic: str, name: str, count: str) -> None:
    log = open_log(url)
    for i in range(int(count)):
        value = f"{name}-{i}"
        (offset,) = log.append([Message(topic, i % 2, name.encode(), value.encode())])
        sys.stdout.write(f"{i % 2} {offset} {value}\n")
        sys.stdout.flush()
    log.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
