"""What boot-test is made of besides the two kinds of guests: words, tools, and programs that it runs."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import time

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
LIBRARY = PROJECT / 'image-build/lib'
PYTHON = '/usr/bin/python3'


def say(text):
    print(f'boot-test: {text}', file=sys.stderr, flush=True)


def die(text, code=1):
    say(text)
    sys.exit(code)


def need(*pairs):
    """TOOL:PACKAGE...: installs the packages whose tools are missing, or ends with the names of both."""
    script = '. "$1/common.sh" && need "${@:2}"'
    if call(['bash', '--norc', '-c', script, 'boot-test', str(LIBRARY), *pairs]) != 0:
        sys.exit(1)


def call(command, **options):
    """Runs a program to its end. When we are interrupted, it is ended first, in its own way.

    @returns its exit code, as a shell has it
    """
    process = subprocess.Popen(command, **options)
    try:
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return code if code >= 0 else 128 - code


def must(command, **options):
    """The same for what has to succeed: ends with its exit code, and it has said why itself."""
    code = call(command, **options)
    if code != 0:
        sys.exit(code)


def start(command, **options):
    """Starts a program that stays. Ctrl-C is for us alone, who end it then."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)


def ends_within(process, seconds):
    """Whether a program that was started has ended by then."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def comes_true(is_so, seconds, pause):
    """Looks at least once. @returns whether it was so within the time"""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() >= end:
            return False
        time.sleep(pause)
    return True


@dataclasses.dataclass
class Boot:
    """What is booted, and how."""

    image: str
    source: str
    firmware: str
    accelerator: str
    memory: str
    cache: pathlib.Path
    # Of this boot alone, and removed at the end.
    work: pathlib.Path = None
    server_id: str = ''
    # On this machine, of what the guest reaches at 169.254.169.254.
    metadata_port: str = ''
    relay_port: str = ''

    @property
    def clean(self):
        """The environment of our own programs: nothing of the caller's but the path."""
        return {
            'PATH': os.environ['PATH'],
            'HOME': str(self.work),
            'LANG': 'C.UTF-8',
            'PYTHONDONTWRITEBYTECODE': '1',
        }
