# SPDX-License-Identifier: MIT
"""Types of one object file, read from `objdump --dwarf=info` (ELF and PE alike).

Owns: the parsing of objdump's text and the resolution of type references. Knows nothing of WHP.
"""
import re
import subprocess

_DIE = re.compile(r'^\s*<(\d+)><([0-9a-f]+)>: Abbrev Number: (\d+)(?: \((DW_TAG_\w+)\))?')
_ATTRIBUTE = re.compile(r'^\s*<[0-9a-f]+>\s+(DW_AT_\w+)\s*:\s*(.*?)\s*$')
# objdump tells the form of some values, newer ones that of all, in brackets before the value.
_FORM = re.compile(r'^(?:\([^)]*\):?\s*)+')
_RECORDS = {'DW_TAG_structure_type': 'struct', 'DW_TAG_union_type': 'union',
            'DW_TAG_enumeration_type': 'enum'}


class Die:
    """One debugging entry: tag, attributes as text, children in order."""

    def __init__(self, tag):
        self.tag = tag
        self.attributes = {}
        self.children = []

    def text(self, name):
        value = self.attributes.get(name)
        return None if value is None else _FORM.sub('', value)

    def number(self, name, default=None):
        value = self.text(name)
        if value is None:
            return default
        # A location expression is what old producers wrote for a constant offset.
        located = re.search(r'DW_OP_plus_uconst:? (\d+)', value)
        return int(located.group(1)) if located else int(value.split()[0], 0)


class Types:
    """All types of an object file: `named` typedefs and tags, and `top`, all at file scope."""

    def __init__(self, path):
        output = subprocess.run(['objdump', '--dwarf=info', path], check=True, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        self.dies = {}
        parents = []
        die = None
        for line in output.splitlines():
            head = _DIE.match(line)
            if head:
                depth, offset, abbreviation, tag = head.groups()
                die = Die(tag)
                if abbreviation == '0':
                    continue
                self.dies[int(offset, 16)] = die
                depth = int(depth)
                del parents[depth:]
                if parents:
                    parents[-1].children.append(die)
                parents.append(die)
                continue
            attribute = _ATTRIBUTE.match(line)
            if attribute and die is not None:
                die.attributes[attribute.group(1)] = attribute.group(2)
        if not self.dies:
            raise RuntimeError(f'{path}: objdump shows no debugging entries')
        self.top = [d for d in self.dies.values()
                    if d.tag == 'DW_TAG_compile_unit'][0].children
        self.named = {}
        for die in self.top:
            name = die.text('DW_AT_name')
            if name and 'DW_AT_declaration' not in die.attributes and (
                    die.tag == 'DW_TAG_typedef' or self.is_record(die)):
                self.named.setdefault(name, die)

    def target(self, die):
        """The type that an entry refers to; None is void."""
        reference = die.attributes.get('DW_AT_type')
        if reference is None:
            return None
        return self.dies[int(re.search(r'<0x([0-9a-f]+)>', reference).group(1), 16)]

    def stripped(self, die):
        """A type without typedefs and qualifiers."""
        while die is not None and die.tag in ('DW_TAG_typedef', 'DW_TAG_const_type',
                                              'DW_TAG_volatile_type'):
            die = self.target(die)
        return die

    def size(self, die):
        """Bytes of a type."""
        die = self.stripped(die)
        if die.tag == 'DW_TAG_pointer_type':
            return die.number('DW_AT_byte_size', 8)
        if die.tag == 'DW_TAG_array_type':
            return self.size(self.target(die)) * self.length(die)
        return die.number('DW_AT_byte_size')

    @staticmethod
    def length(array):
        """Elements of an array."""
        n = 1
        for bound in array.children:
            if bound.tag == 'DW_TAG_subrange_type':
                count = bound.number('DW_AT_count')
                n *= bound.number('DW_AT_upper_bound', -1) + 1 if count is None else count
        return n

    def is_record(self, die):
        return die is not None and die.tag in _RECORDS

    def kind(self, die):
        """struct, union, enum, pointer, or the shape of a number."""
        die = self.stripped(die)
        if die is None:
            return 'void'
        if die.tag in _RECORDS:
            return _RECORDS[die.tag]
        if die.tag == 'DW_TAG_base_type':
            encoding = die.text('DW_AT_encoding')
            sign = 'u' if 'unsigned' in encoding or 'UTF' in encoding else 'i'
            return f'{sign}{8 * die.number("DW_AT_byte_size")}'
        return {'DW_TAG_pointer_type': 'pointer', 'DW_TAG_array_type': 'array',
                'DW_TAG_subroutine_type': 'function'}[die.tag]

    def spelled(self, die):
        """A type as its declaration reads, numbers by shape, records and their kin by name."""
        if die is None:
            return 'void'
        name = die.text('DW_AT_name')
        if die.tag == 'DW_TAG_typedef':
            inner = self.stripped(die)
            if name.startswith(('WHV_', 'PWHV_')) or (self.is_record(inner)
                                                     and not name.startswith('_')):
                return name
            return self.spelled(self.target(die))
        if die.tag == 'DW_TAG_const_type':
            return 'const ' + self.spelled(self.target(die))
        if die.tag == 'DW_TAG_pointer_type':
            return self.spelled(self.target(die)) + ' *'
        if die.tag == 'DW_TAG_array_type':
            return f'{self.spelled(self.target(die))}[{self.length(die)}]'
        if die.tag == 'DW_TAG_subroutine_type':
            parameters = [self.spelled(self.target(p)) for p in self.parameters(die)]
            return f'{self.spelled(self.target(die))} ({", ".join(parameters)})'
        if die.tag in _RECORDS:
            return name or f'{_RECORDS[die.tag]} of {die.number("DW_AT_byte_size")} bytes'
        return self.kind(die)

    @staticmethod
    def parameters(function):
        return [p for p in function.children if p.tag == 'DW_TAG_formal_parameter']

    def fields(self, record, path='', base_bits=0):
        """Members as (path, bit position, bit width or None, entry), in-place records opened."""
        for member in record.children:
            if member.tag != 'DW_TAG_member':
                continue
            inner = self.target(member)
            width = member.number('DW_AT_bit_size')
            if member.number('DW_AT_data_bit_offset') is not None:
                position = member.number('DW_AT_data_bit_offset')
            else:
                position = 8 * member.number('DW_AT_data_member_location', 0)
                if width is not None and member.number('DW_AT_bit_offset') is not None:
                    # DWARF 2 counts from the top of the storage unit.
                    unit = 8 * member.number('DW_AT_byte_size', self.size(inner))
                    position += unit - member.number('DW_AT_bit_offset') - width
            position += base_bits
            name = member.text('DW_AT_name')
            full = f'{path}.{name}' if path and name else (name or path)
            if name:
                yield full, position, width, member
            if self.is_record(inner) and not inner.text('DW_AT_name'):
                yield from self.fields(inner, full, position)
