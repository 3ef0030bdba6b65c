"""Values in YAML and JSON that no program should go on with."""

_HUGE = '&a0 [x, x]'
for _level in range(24):
    _HUGE = f'&a{_level + 1} [{_HUGE}, *a{_level}]'

JSON = {
    'integer': '9' * 400,
    'longer integer': '9' * 5000,
    'deep lists': '[' * 10_000 + ']' * 10_000,
    'deep tables': '{"a":' * 10_000 + '1' + '}' * 10_000,
}
"""By what is odd about them; YAML reads them, too."""

YAML = {
    **JSON,
    'hexadecimal integer': '0x' + 'f' * 5000,
    'aliases': _HUGE,
    'alias of itself': '&a [*a]',
    'no such tag': '!!bool maybe',
    'no such integer': '!!int ""',
    'no such day': '2024-99-99',
}
