# SPDX-License-Identifier: GPL-3.0-or-later
"""The process behind warm.py.

Reads a line of JSON for each playbook, `{"number": 1, "arguments": [...], "environment": {...}, "output": "a file"}`,
and tells `1 began <pid>` and `1 ended <exit code>`. Each runs in a fork of its own and leaves nothing to the next.
Ansible takes its settings from the environment while it is loaded: they are those of this process, and what a playbook
brings is added to them.
"""

import atexit
import json
import os
import signal
import sys

import ansible.cli.playbook
import ansible.executor.playbook_executor  # noqa: F401  the command loads it late
from ansible import constants
from ansible.plugins import loader

from rehearsal.fork_server import end_with_parent

OWN_ACTIONS = ("in_worker", "gate", "option_names", "option_values")


def load_plugins():
    """What every playbook needs, before the first fork."""
    loader.init_plugin_loader()
    # The command would do it again, and warn.
    ansible.cli.init_plugin_loader = lambda *_given: None
    for name in OWN_ACTIONS:
        loader.action_loader.get(f"medzen.multiregion.{name}", class_only=True)
    for kind, name in (("connection", "local"), ("shell", "sh"), ("strategy", "linear"), ("cache", "memory")):
        getattr(loader, f"{kind}_loader").get(name, class_only=True)


def attend(request):
    """A process for each playbook, which tells what becomes of it; this one goes on with the next request."""
    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        return become(request)
    tell(request, "began", pid)
    _pid, status = os.waitpid(pid, 0)
    tell(request, "ended", os.waitstatus_to_exitcode(status))
    os._exit(0)


def tell(request, what, value):
    """In one write, so that lines of several processes do not mix."""
    os.write(1, f"{request['number']} {what} {value}\n".encode())


def become(request):
    """The forked process: run the playbook, and leave as the command does."""
    end_with_parent()
    # What is tidied up at the end of the one that was forked is not this one's: its folder, for one.
    atexit._clear()
    os.environ.update(request["environment"])
    own = constants.config.get_config_value("DEFAULT_LOCAL_TMP", variables=vars(constants))
    constants.set_constant("DEFAULT_LOCAL_TMP", own)
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for number, source in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
        os.dup2(source, number)
    ansible.cli.playbook.main(["ansible-playbook", *request["arguments"]])


def main():
    load_plugins()
    # The kernel buries the forks.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while line := sys.stdin.readline():
        if os.fork() == 0:
            return attend(json.loads(line))
    return None


if __name__ == "__main__":
    main()
