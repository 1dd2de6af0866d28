# SPDX-License-Identifier: GPL-3.0-or-later
"""Code that is compiled once: on the path of ansible-playbook it keeps in a folder what Python makes of templates, of
the collections' source and of what modules are packed with.

Ansible compiles a template in the worker that needs it, a collection's file in each process, and a packed module's
files in each run. A playbook that is run a hundred times compiles the same 5,000 templates and all those files each
time: a fifth of its CPU. What they evaluate to is not kept. Runs that are timed do without.
"""

import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import marshal
import os
import sys
import threading
import zipimport
from pathlib import Path

FOLDER = os.environ.get("MEDZEN_KEPT_CODE", "")


class Kept:
    """Code objects by what they were compiled from, one file each."""

    def __init__(self, folder):
        # The format of code is a Python's own.
        self._folder = Path(folder, sys.implementation.cache_tag)
        self._folder.mkdir(parents=True, exist_ok=True)

    def code_of(self, made_from, make):
        """What was kept, else what `make` makes. `made_from` is everything that the code depends on."""
        file = self._folder / hashlib.sha256(repr(made_from).encode()).hexdigest()
        code = self._read(file)
        # Not while an error is handled: one of the template's own would tell of that file.
        if code is None:
            code = make()
            self._write(file, code)
        return code

    def _read(self, file):
        try:
            return marshal.loads(file.read_bytes())
        except (OSError, EOFError, ValueError, TypeError):
            return None

    def _write(self, file, code):
        """Whole or not at all: others read beside this process."""
        part = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        part.write_bytes(marshal.dumps(code))
        part.replace(file)


def keep_templates(bits):
    """Let Ansible's Jinja environment look for a template's code before it compiles it."""
    import ansible.release
    import jinja2

    environment = bits.AnsibleEnvironment
    versions, last = (ansible.release.__version__, jinja2.__version__), threading.local()
    compile_source, from_string = environment.compile, environment.from_string
    compile_expression = environment.compile_expression

    def settings(self):
        context = bits._TemplateCompileContext.current(optional=True)
        return (
            versions,
            [repr(getattr(self, name)) for name in bits._TEMPLATE_OVERRIDE_FIELD_NAMES],
            context and context.escape_backslashes,
            bits._TemplateConfig.allow_embedded_templates,
        )

    def load(self, code):
        return self.template_class.from_code(self, code, self.make_globals(None), None)

    def remember(self, *args, **kwargs):
        last.code = compile_source(self, *args, **kwargs)
        return last.code

    def quick_from_string(self, source, *args, **kwargs):
        if args or kwargs or not isinstance(source, str):
            return from_string(self, source, *args, **kwargs)
        return load(self, kept.code_of(("template", str(source), settings(self)), lambda: self.compile(source)))

    def quick_compile_expression(self, source, undefined_to_none=True):
        def make():
            compile_expression(self, source, undefined_to_none)
            return last.code

        code = kept.code_of(("expression", str(source), settings(self)), make)
        return jinja2.environment.TemplateExpression(load(self, code), undefined_to_none)

    environment.compile = remember
    environment.from_string, environment.compile_expression = quick_from_string, quick_compile_expression


def keep_collections(finder):
    """Ansible's own loader of collections compiles with the builtin of this name."""

    def quick_compile(source, filename, **how):
        return kept.code_of(("file", filename, source, how), lambda: compile(source, filename, **how))

    finder.compile = quick_compile


def keep_packed_modules():
    """A module's archive is new for each run, and lies somewhere else; what is in it is the same."""
    compile_source = zipimport._compile_source

    def quick_compile_source(path, source):
        inside = path.partition(".zip")[2]
        return kept.code_of(("packed", inside, source), lambda: compile_source(path, source))

    zipimport._compile_source = quick_compile_source


class Watch(importlib.abc.MetaPathFinder):
    """Changes a module once it has been loaded; nothing of Ansible is imported before its time."""

    CHANGES = {
        # Where ansible-core has had its Jinja environment since 2.19.
        "ansible._internal._templating._jinja_bits": keep_templates,
        "ansible.utils.collection_loader._collection_finder": keep_collections,
    }

    def __init__(self):
        self._left = dict(self.CHANGES)

    def find_spec(self, name, path, target=None):
        change = self._left.pop(name, None)
        if change is None:
            return None
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_change(module):
            load(module)
            change(module)

        spec.loader.exec_module = load_and_change
        return spec


def run_next():
    """Python runs the first file of this name on its path; the next one is this one's to run."""
    own = str(Path(__file__).parent)
    behind = sys.path[sys.path.index(own) + 1 :] if own in sys.path else []
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", behind)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if FOLDER:
    kept = Kept(FOLDER)
    keep_packed_modules()
    sys.meta_path.insert(0, Watch())
    run_next()
