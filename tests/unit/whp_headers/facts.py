# SPDX-License-Identifier: MIT
"""Every fact that a set of WHP headers states, found by compiling them.

Owns: the probe programs, the choice of what is WHP's in a translation unit, and the form of a
fact: a key (category, name, ...) with a value. Nothing is listed by hand: types come from debug
information, constants and functions from the preprocessor's output.
Invariant: keys and values of two header sets are comparable whatever compiler made them.
"""
import re
import subprocess
from pathlib import Path

from dwarf import Types

CATEGORIES = ('sizes', 'alignments', 'offsets', 'bit-fields', 'member types', 'enum values',
              'constants', 'functions')
# WHP's names, and of status codes those that a WHP header or its windows.h defines.
_WHP = re.compile(r'P?WH[Vv]')
_CONSTANT = re.compile(r'#define ((?:WHV_|WHv|Whv|S_|E_|ERROR_)\w+) (\S.*)')
_FUNCTION = re.compile(r'\b(WHv[A-Z]\w+)\s*\(')


class Headers:
    """A header set and the compiler that reads it."""

    def __init__(self, name, compiler, prologue, build_dir):
        self.name = name
        self.compiler = compiler
        self.prologue = prologue
        self.dir = Path(build_dir)
        self.dir.mkdir(parents=True, exist_ok=True)

    def run(self, source, *options):
        path = self.dir / f'{self.name}.c'
        path.write_text(source)
        done = subprocess.run([*self.compiler, *options, str(path)], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise RuntimeError(f'{" ".join(self.compiler)}: {done.stderr.strip()}')
        return done.stdout

    def types(self, source):
        """Compiles, keeping types that nothing uses; DWARF 4 is what every reader knows."""
        path = self.dir / f'{self.name}.o'
        self.run(source, '-g', '-gdwarf-4', '-fno-eliminate-unused-debug-types', '-w', '-c', '-o',
                 str(path))
        return Types(str(path))

    def macros(self, source):
        return dict(m.groups() for m in map(_CONSTANT.fullmatch,
                                            self.run(source, '-E', '-dM').splitlines()) if m)


def collect(headers, also=None):
    """Facts of a header set, and its synonyms (name -> names of the same record).

    `also`: names outside WHP's own that count too; None takes every name that the headers add to
    those of the C library's.
    """
    types = headers.types(headers.prologue)
    macros = headers.macros(headers.prologue)
    if also is None:
        plain = headers.types('#include <stddef.h>\n#include <stdint.h>\n')
        also = set(types.named) - set(plain.named) | set(macros)
    wanted = sorted(n for n in types.named
                    if not n.startswith('_') and (_WHP.match(n) or n in also))
    macros = sorted(n for n in macros if _WHP.match(n) or n in also)
    functions = sorted(set(_FUNCTION.findall(headers.run(headers.prologue, '-E', '-P'))))

    # The second probe states what debug information leaves out, as enumerators and variables.
    probe = [headers.prologue]
    for name in wanted:
        die = types.named[name]
        full = name if die.tag == 'DW_TAG_typedef' else f'{types.kind(die)} {name}'
        probe.append(f'enum {{ probe_align_{name} = __alignof__({full}) }};')
    for name in macros:
        value = f'(unsigned long long)({name})'
        probe.append(f'enum {{ probe_low_{name} = {value} & 0x7FFFFFFF,'
                     f' probe_mid_{name} = {value} >> 31 & 0x7FFFFFFF,'
                     f' probe_high_{name} = {value} >> 62, probe_size_{name} = sizeof({name}) }};')
    for name in functions:
        probe.append(f'__typeof__(&{name}) probe_function_{name};')
    return _facts(headers.types('\n'.join(probe) + '\n'), wanted, macros, functions)


def _facts(types, wanted, macros, functions):
    facts = {}
    synonyms = {}
    probes = {}
    for die in types.top:
        for named in die.children if die.tag == 'DW_TAG_enumeration_type' else [die]:
            name = named.text('DW_AT_name')
            if name and name.startswith('probe_'):
                probes[name] = named

    def probe(name):
        return probes[name].number('DW_AT_const_value')

    for name in wanted:
        inner = types.stripped(types.named[name])
        if inner is None or inner.tag == 'DW_TAG_subroutine_type':
            continue
        facts['sizes', name] = (types.kind(inner), types.size(inner))
        facts['alignments', name] = probe(f'probe_align_{name}')
        if inner.tag == 'DW_TAG_pointer_type':
            _function_facts(facts, types, name, types.target(inner))
        if not types.is_record(inner):
            continue
        synonyms.setdefault(id(inner), set()).add(name)
        for path, position, width, member in types.fields(inner):
            spelled = types.spelled(types.target(member))
            if width is None:
                facts['offsets', name, path] = position // 8
                facts['member types', name, path] = (spelled, types.size(types.target(member)))
            else:
                facts['bit-fields', name, path] = (position, width, spelled)
        for child in inner.children:
            if child.tag == 'DW_TAG_enumerator':
                value = child.number('DW_AT_const_value') & 0xFFFFFFFF
                facts['enum values', child.text('DW_AT_name')] = value
    for name in macros:
        value = (probe(f'probe_low_{name}') | probe(f'probe_mid_{name}') << 31 |
                 probe(f'probe_high_{name}') << 62)
        if name != name.upper():
            # A second spelling of an enumerator, which other headers have as an enumerator.
            facts['enum values', name] = value & 0xFFFFFFFF
            continue
        facts['constants', name] = (value & 0xFFFFFFFF if probe(f'probe_size_{name}') == 4
                                    else value, probe(f'probe_size_{name}'))
    for name in functions:
        _function_facts(facts, types, name,
                        types.target(types.target(probes[f'probe_function_{name}'])))
    return facts, {name: names for names in synonyms.values() for name in names}


def _function_facts(facts, types, name, function):
    """What a caller must know: the result, how many parameters, and each of them."""
    function = types.stripped(function)
    if function is None or function.tag != 'DW_TAG_subroutine_type':
        return
    parameters = types.parameters(function)
    facts['functions', name, 'result'] = (types.kind(types.target(function)),
                                          types.size(types.target(function)))
    facts['functions', name, 'parameters'] = len(parameters)
    for i, parameter in enumerate(parameters):
        inner = types.target(parameter)
        facts['functions', name, f'parameter {i}'] = (types.spelled(inner), types.size(inner))
