# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates that are compiled once: on the path of ansible-playbook it keeps what Jinja makes of each in a folder.

Ansible compiles a template in the worker that needs it, and the worker ends with its task. A playbook that is run a
hundred times compiles the same 5,000 templates each time, a sixth of its CPU. What they are evaluated to is not kept.
Runs that are measured do without.
"""

import hashlib
import importlib.abc
import importlib.util
import marshal
import os
import sys
import threading
from pathlib import Path

FOLDER = os.environ.get("MEDZEN_KEPT_TEMPLATES", "")
# Where ansible-core has had its Jinja environment since 2.19.
ENVIRONMENT_MODULE = "ansible._internal._templating._jinja_bits"


class Kept:
    """Code objects by what they were compiled from, one file each."""

    def __init__(self, folder):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, key):
        try:
            return marshal.loads((self._folder / key).read_bytes())
        except (OSError, EOFError, ValueError, TypeError):
            return None

    def put(self, key, code):
        """Whole or not at all: workers read beside each other."""
        part = self._folder / f"{key}.{os.getpid()}-{threading.get_ident()}"
        part.write_bytes(marshal.dumps(code))
        part.replace(self._folder / key)


def keep_templates(bits):
    """Let Ansible's environment look for a template's code before it compiles it."""
    import ansible.release
    import jinja2

    environment = bits.AnsibleEnvironment
    versions = f"{sys.implementation.cache_tag}-{ansible.release.__version__}-{jinja2.__version__}"
    kept, last = Kept(Path(FOLDER) / versions), threading.local()
    compile_source, from_string = environment.compile, environment.from_string
    compile_expression = environment.compile_expression

    def key_of(self, kind, source):
        """Everything that the code depends on."""
        context = bits._TemplateCompileContext.current(optional=True)
        made_from = (
            kind,
            str(source),
            [repr(getattr(self, name)) for name in bits._TEMPLATE_OVERRIDE_FIELD_NAMES],
            context and context.escape_backslashes,
            bits._TemplateConfig.allow_embedded_templates,
        )
        return hashlib.sha256(repr(made_from).encode()).hexdigest()

    def remember(self, *args, **kwargs):
        last.code = compile_source(self, *args, **kwargs)
        return last.code

    def quick_from_string(self, source, *args, **kwargs):
        if args or kwargs or not isinstance(source, str):
            return from_string(self, source, *args, **kwargs)
        key = key_of(self, "template", source)
        if (code := kept.get(key)) is not None:
            return self.template_class.from_code(self, code, self.make_globals(None), None)
        template = from_string(self, source)
        kept.put(key, last.code)
        return template

    def quick_compile_expression(self, source, undefined_to_none=True):
        key = key_of(self, "expression", source)
        if (code := kept.get(key)) is not None:
            template = self.template_class.from_code(self, code, self.make_globals(None), None)
            return jinja2.environment.TemplateExpression(template, undefined_to_none)
        expression = compile_expression(self, source, undefined_to_none)
        kept.put(key, last.code)
        return expression

    environment.compile = remember
    environment.from_string, environment.compile_expression = quick_from_string, quick_compile_expression


class Watch(importlib.abc.MetaPathFinder):
    """Acts once Ansible's environment has been loaded; nothing of Ansible is imported before its time."""

    def find_spec(self, name, path, target=None):
        if name != ENVIRONMENT_MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_keep(module):
            load(module)
            keep_templates(module)

        spec.loader.exec_module = load_and_keep
        return spec


if FOLDER:
    sys.meta_path.insert(0, Watch())
