"""The grader: hostile notebooks, clumsy ones, and honest ones that deserve all their points.

They answer a small assignment, so that a hundred are graded in the time of a few real ones: q1
holds values, q2 a function, q3 builds on q1, and q4 is written.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import nbformat
import psutil
import pytest
from conftest import ME, ROOT, code_cell, grade, hand_in, rows_of
from grading import sandbox

GRADE = [sys.executable, str(ROOT / "tools" / "grade.py")]
SLEEPER = "98765"  # seconds that a process left behind would sleep
LIMITS = ("--memory-gb", "2")

pytestmark = pytest.mark.skipif(bool(sandbox.problem()), reason=f"no sandbox: {sandbox.problem()}")

# What stands in the cell that answers q2, before the answer, and what the report must say.
ENDLESS = {
    "never_ends": "while True: pass",
    # The others are asleep, so that the processor is not busy for nothing.
    "never_ends_and_catches_all": (
        "import time\nwhile True:\n    try: time.sleep(1)\n    except BaseException: pass"
    ),
    "stops_itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "never_ends_when_called": (
        "import time\ndef double(x):\n    while True: time.sleep(1)\ngrader.check('q2')\n1 / 0"
    ),
}
HARMFUL = {
    "crashes": ("1 / 0", "ZeroDivisionError"),
    "has_a_syntax_error": ("n = = 3", "SyntaxError"),
    "calls_sys_exit": ("import sys\nsys.exit(1)", "SystemExit"),
    "calls_os_exit": ("import os\nos._exit(0)", "ended the Python process"),
    "kills_itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "ended the Python"),
    "kills_everybody": (
        "import os, signal\nif os.fork() == 0: os.kill(-1, signal.SIGKILL)\n"
        "import time\ntime.sleep(60)",
        "ended the Python process",
    ),
    "crashes_the_interpreter": ("import ctypes\nctypes.string_at(0)", "ended the Python process"),
    "takes_all_memory": ("huge = [0] * 10**10", "MemoryError"),
    "takes_memory_bit_by_bit": (
        "kept = []\nwhile True: kept.append(bytearray(50_000_000))",
        "MemoryError",
    ),
    "takes_memory_in_many_processes": (
        "import os, time\n"
        "for _ in range(6):\n"
        "    if os.fork() == 0:\n"
        "        kept = b'x' * 600_000_000\n"
        "        time.sleep(60)\n"
        "time.sleep(60)",
        "GB of memory",
    ),
    "is_a_fork_bomb": ("import os\nwhile True: os.fork()", "too many processes"),
    "is_a_patient_fork_bomb": (
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "too many processes",
    ),
    "makes_many_files": (
        "for n in range(10**7): open(f'/tmp/{n}', 'w').close()",
        "files and was stopped",
    ),
    "writes_a_huge_file": (
        "with open('big', 'wb') as big:\n    while True: big.write(bytes(1_000_000))",
        "OSError",
    ),
    "fills_the_disk": (
        "for n in range(10**4): open(f'/tmp/{n}', 'wb').write(bytes(50_000_000))",
        "OSError",
    ),
    "recurses": ("def deeper(): return deeper()\ndeeper()", "RecursionError"),
    "holds_half_an_emoji": ("'\ud83d'", "UnicodeEncodeError"),
    "raises_what_cannot_be_said": (
        "class Odd(Exception):\n    def __str__(self): raise SystemExit\nraise Odd",
        "SystemExit",
    ),
}

# What cannot win anything with a wrong answer to q1, and must harm nobody else.
TRICKS = {
    "equals_everything": (
        "class Any(float):\n"
        "    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True\n"
        "    __hash__ = float.__hash__\n"
        "first = Any(1)"
    ),
    "is_any_array": (
        "class Any:\n"
        "    def __array__(self, *a, **k): return np.array(base + 0.5)\n"
        "    def __float__(self): return -1.0\n"
        "    __class__ = float\n"
        "first = Any()"
    ),
    "has_an_evil_repr": (
        "class Evil:\n"
        "    def __repr__(self): import os; os._exit(1)\n"
        "    __str__ = __getattr__ = __iter__ = __len__ = __repr__\n"
        "first = Evil()"
    ),
    "is_not_a_number": "first = float('nan')",
    "is_infinite": "first = float('inf')",
    "has_a_million_digits": "first = 10**1_000_000",
    "is_deeply_nested": "first = []\nfor _ in range(100_000): first = [first]",
    "holds_itself": "first = []\nfirst.append(first)",
    "is_huge": "first = list(range(10**7))",
    "is_a_long_text": "first = 'x' * 10**8",
    "is_half_an_emoji": "first = '\\ud83d'",
    "is_html": "first = '<script>alert(1)</script>\\n# q1: 2 of 2 points\\n| a |'",
    "is_a_formula": "first = '=1+1'",
    "forges_a_pickle": (
        "class Forged:\n"
        "    def __reduce__(self): import os; return os.system, ('touch {canary}',)\n"
        "first = Forged()"
    ),
    "redefines_the_helpers": (
        "import builtins, json, math, os, personal, sys, types\n"
        "builtins.abs = lambda x: 0\n"
        "np.all = np.isclose = np.allclose = lambda *a, **k: True\n"
        "personal.number = lambda *a, **k: 1\n"
        "fake = types.ModuleType('answers')\n"
        "fake.close = fake.same = lambda *a, **k: True\n"
        "sys.modules['answers'] = fake\n"
        "open('answers.py', 'w').write('close = lambda *a, **k: True')\n"
        "open('inside.py', 'w').write('raise SystemExit')"
    ),
    "replaces_the_grader": (
        "class grader:\n    check = check_all = staticmethod(lambda *a: print('all passed'))"
    ),
    "rewrites_what_packs": (
        "import sys\n"
        "sys.modules['inside'].pack = lambda value: {'function': 314}\n"
        "kept = dict(globals())\n"
        "grader.check('q1')"
    ),
    "says_what_it_likes": (
        "import gc, os\n"
        "said = [o for o in gc.get_objects() if type(o).__name__ == 'Speaker']\n"
        "for say in said:\n"
        "    say('value', 'q1', {'first': {'frame': 3}, 'points': 314})\n"
        "    say('value', 'q1', 7)\n"
        "    say('value', 'q9', {'x': 1})\n"
        "    say('question', 'q1', True)\n"
        "    say('error', 10**30, 'x' * 10**6)\n"
        "    say('note', 'x', None)\n"
        "    say('id', {'dict': [[1, 2, 3]]})\n"
        "    for _ in range(3): say('happened', {'errors': {}, 'notes': [], 'ids': ['x']})"
    ),
    "writes_into_every_descriptor": (
        "import os\n"
        'line = b\'{"question": "q1", "right": true, "points": 314}\\n\'\n'
        "for descriptor in range(3, 60):\n"
        "    try: os.write(descriptor, line * 3)\n"
        "    except OSError: pass"
    ),
    "speaks_nonsense": (
        "import gc, os\n"
        "for say in [o for o in gc.get_objects() if type(o).__name__ == 'Speaker']:\n"
        "    os.write(say._descriptor, b'\\xff[[[\\n' + b'[' * 10**5 + b'\\n{}\\n[]\\n7\\nnull\\n')"
    ),
    "leaves_a_daemon": (
        f"import subprocess\nsubprocess.Popen(['sleep', '{SLEEPER}'], start_new_session=True)"
    ),
    "leaves_a_grandchild": (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        f"        os.execvp('sleep', ['sleep', '{SLEEPER}'])\n"
        "    os._exit(0)"
    ),
    "answers_twice": "import os\nos.fork()",
    "leaves_links_pipes_and_devices": (
        "import os, socket\n"
        "first = -1\n"
        "os.symlink('/etc/passwd', 'link'); os.symlink('{canary}', '/tmp/out')\n"
        "os.link('link', 'hard'); os.mkfifo('pipe'); os.mkfifo('values.json')\n"
        "open(b'\\xff' * 200, 'w').close(); open('x' * 250, 'w').close()\n"
        "open('line\\nbreak', 'w').close()\n"
        "socket.socket(socket.AF_UNIX).bind('socket')\n"
        "try: os.mknod('device', 0o20666, os.makedev(1, 3)); first = base + 0.5\n"
        "except OSError: pass"
    ),
}
# Where the sandbox holds, these find nothing; where it does not, they give the right answer.
PROBES = {
    "is_root": "import os\nfound = os.getuid() == 0 or os.geteuid() == 0",
    "has_capabilities": (
        "import re\n"
        "status = open('/proc/self/status').read()\n"
        "sets = re.findall(r'Cap(?:Eff|Prm|Inh|Amb):\\s*(\\w+)', status)\n"
        "found = any(int(c, 16) for c in sets) or len(sets) != 4\n"
        "found = found or 'NoNewPrivs:\\t1' not in status or 'Seccomp:\\t2' not in status"
    ),
    "sees_secrets": "import os\nfound = 'TEACHERS_TOKEN' in os.environ",
    "sees_other_processes": (
        "import os\nfound = len([p for p in os.listdir('/proc') if p.isdigit()]) > 2"
    ),
    "sees_the_first_process": (
        "import os\n"
        "found = []\n"
        "for name in ('mem', 'environ', 'maps'):\n"
        "    how = 'r+b' if name == 'mem' else 'rb'\n"
        "    try: found.append(open(f'/proc/1/{{name}}', how).read(1))\n"
        "    except OSError: pass\n"
        "for name in ('fd', 'cwd', 'root'):\n"
        "    try: found.append(os.listdir(f'/proc/1/{{name}}'))\n"
        "    except OSError: pass"
    ),
    "sees_the_tests": (
        "import os\n"
        "found = []\n"
        "for top in ('/tmp', '/notebook', '/grading', '/home', '/root', '/mnt', '/srv', '/var'):\n"
        "    for place, _, names in os.walk(top):\n"
        "        found += {{'answers.py', 'autograder.json', 'judge.py'}} & set(names)\n"
        "        if 'site-packages' in place: _[:] = []\n"
        "import gc\n"
        "found += [o for o in gc.get_objects() if isinstance(o, dict) and 'tests' in o"
        " and 'points' in o]"
    ),
    "sees_the_teachers_files": (
        "found = []\n"
        "for path in ('{folder}', '{folder}-grades', '{root}/assignments', '{root}/tools',"
        " '{root}/.git'):\n"
        "    import os\n"
        "    found += [path] if os.path.exists(path) else []"
    ),
    "writes_to_the_packages": (
        "import os, mlmlearn, sys\n"
        "found = []\n"
        "for path in (np.__file__, mlmlearn.__file__, 'personal.py', '/grading/inside.py',"
        " sys.executable, '/usr/bin/env', '/proc/sys/kernel/core_pattern'):\n"
        "    for do in (lambda p: open(p, 'a'), os.unlink, lambda p: os.chmod(p, 0o777)):\n"
        "        try: do(path); found.append(path)\n"
        "        except OSError: pass"
    ),
    "writes_elsewhere": (
        "import os\n"
        "found = []\n"
        "for folder in ('/', '/usr', '/dev', '/grading', '/etc', '/proc'):\n"
        "    try: open(os.path.join(folder, 'mine'), 'w'); found.append(folder)\n"
        "    except OSError: pass"
    ),
    "reaches_the_network": (
        "import socket\n"
        "found = []\n"
        "for address in (('127.0.0.1', {port}), ('10.0.2.2', 53)):\n"
        "    try: socket.create_connection(address, 1); found.append(address)\n"
        "    except OSError: pass\n"
        "try:\n"
        "    link = socket.socket(socket.AF_UNIX); link.connect('\\0{abstract}'); found.append(1)\n"
        "except OSError: pass\n"
        "for family in (16, 17, 38, 40):\n"
        "    try: socket.socket(family, socket.SOCK_DGRAM); found.append(family)\n"
        "    except OSError: pass"
    ),
    "makes_system_calls": (
        "import ctypes, platform\n"
        "call = ctypes.CDLL(None, use_errno=True).syscall\n"
        "numbers = {{'x86_64': (101, 272, 165, 425, 319, 29, 321, 310, 250)}}\n"
        "found = [n for n in numbers.get(platform.machine(), ()) if call(n, 0, 0, 0, 0, 0) >= 0]\n"
        "import mmap\n"
        "try: mmap.mmap(-1, 4096); found.append('shared memory')\n"
        "except OSError: pass"
    ),
    "becomes_another_user": (
        "import os, subprocess\n"
        "found = []\n"
        "for do in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]),"
        " lambda: os.chroot('/tmp'), lambda: subprocess.run(['su', '-c', 'true'], check=True),\n"
        "           lambda: subprocess.run(['unshare', '-Ur', 'true'], check=True)):\n"
        "    try: do(); found.append(do)\n"
        "    except (OSError, subprocess.CalledProcessError): pass"
    ),
    "harms_the_first_process": (
        "import os, resource, signal\n"
        "for number in range(1, 65):\n"
        "    try: os.kill(1, number)\n"
        "    except OSError: pass\n"
        "found = []\n"
        "for do in (lambda: resource.prlimit(1, resource.RLIMIT_CPU, (1, 1)),"
        " lambda: os.setpriority(os.PRIO_PROCESS, 1, 19),\n"
        "           lambda: os.kill(os.getppid() + 10**6, 9)):\n"
        "    try: do(); found.append(do)\n"
        "    except OSError: pass"
    ),
    "lifts_its_limits": (
        "import resource\n"
        "found = []\n"
        "for name in ('AS', 'FSIZE', 'NPROC', 'NOFILE'):\n"
        "    limit = getattr(resource, 'RLIMIT_' + name)\n"
        "    try: resource.setrlimit(limit, (resource.RLIM_INFINITY,) * 2); found.append(name)\n"
        "    except (OSError, ValueError): pass"
    ),
}

# What honest students do, all of which must win everything.
HONEST = {
    "arrays_of_one": ("q1", "first = np.array([first]); many = np.array(many).reshape(3, 1)"),
    "series": (
        "q1",
        "import pandas as pd\nfirst = pd.Series([first], index=['a']); many = pd.Series(many)",
    ),
    "numpy_numbers": ("q1", "first = np.float32(first); many = [np.float64(m) for m in many]"),
    "a_tuple_and_other_case": ("q1", "many = tuple(many); label = ' Two_Stage '"),
    "lines_for_the_shell": (
        "q1",
        "!pip install seaborn\n%pip install x\nhere = !ls\n%load_ext nothing\n%matplotlib inline",
    ),
    "timed": ("q1", "%time first = base + 0.5"),
    "packages_of_the_course": ("q1", "import scipy.stats, seaborn, statsmodels.api as sm"),
    "packages_that_are_not_there": (
        "q1",
        "import pingouin as pg\nfrom tabulate import tabulate\nfrom google.colab import drive\n"
        "drive.mount('/content')\nprint(tabulate([1], headers='x') + pg.ttest(3)[0].round(2))",
    ),
    "prepared_for_what_is_not_there": (
        "q1",
        "try:\n    import pingouin\nexcept ImportError:\n    pass\nelse:\n    first = 0",
    ),
    "widgets": (
        "q1",
        "import ipywidgets as widgets\n"
        "slider = widgets.IntSlider(value=3)\ndisplay(slider)\n"
        "widgets.interact(lambda a: a, a=(0, 10))\nassert slider.value == 3",
    ),
    "asks": ("q1", "name = input('your name? ')\nprint('hello', name)"),
    "prints_a_lot": ("q1", "for _ in range(100): print('x' * 10**6)"),
    "starts_processes": (
        "q1",
        "from multiprocessing import Pool\nwith Pool(2) as pool: assert pool.map(abs, [-1]) == [1]",
    ),
    "starts_threads": (
        "q1",
        "import threading\nwaits = threading.Event()\n"
        "threading.Thread(target=waits.wait, daemon=True).start()",
    ),
    "writes_files": (
        "q1",
        "import tempfile\nopen('mine.txt', 'w').write('x')\nopen('/tmp/mine', 'w').write('x')\n"
        "tempfile.mkdtemp()\nassert open('personal.py').read()",
    ),
    "plots": ("q1", "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"),
    "function_of_numpy": ("q2", "double = lambda x: np.array([2.0 * x])"),
    "function_with_a_state": (
        "q2",
        "calls = []\ndef double(x):\n    calls.append(x)\n    return 2 * x",
    ),
    "function_of_a_class": (
        "q2",
        "class Double:\n    def __call__(self, x): return x + x\ndouble = Double()",
    ),
}

STATED = {
    "an expression": 'student_id = "ab" + str(10 + 2)',
    "a number": "student_id = 4711",
    "another name": 'mine = "ab13"\nstudent_id = mine',
    "a call": 'student_id = "ab14".upper()',
    "annotated": 'student_id: str = "ab15"  # mine',
    "single quotes": "student_id = 'ab16'",
    "two targets": 'me = student_id = "ab17"',
    "behind a magic": '!echo hello\nstudent_id = "ab18"',
    "unpacked": 'student_id, group = "ab19", "B"',
    "in a branch": 'if True:\n    student_id = "ab20"',
    "half an emoji": 'student_id = "ab21\\ud83d"',
    "HTML and lines": 'student_id = "<b>ab22</b>\\n# q1: 2 of 2 points\\n"',
    "a formula": 'student_id = "=ab23"',
}


def won(row, one):
    return {q for q in one.tested if float(row[q] or 0) == one.points[q]}


def wrong(row, one):
    """What was lost, of a row whose points are in bounds."""
    for question in one.tested:
        assert float(row[question]) in (0, one.points[question])
    assert float(row["total"]) == sum(one.points[q] for q in won(row, one))
    return set(one.tested) - won(row, one)


def typed(notebook, prompt, text):
    """Let a cell ask, and its output say what was typed, as JupyterLab notes it."""
    cell = notebook.cells[2]
    cell.source = f"student_id = input({prompt!r})"
    output = nbformat.v4.new_output("stream", name="stdin", text=f"{prompt} {text}\n")
    cell.outputs = [output]
    return notebook


@pytest.fixture(scope="module")
def crowd(tiny, tmp_path_factory):
    """Hand in: the folder, and which questions every file must lose."""
    one = tiny
    folder = tmp_path_factory.mktemp("crowd") / "handed_in"
    all_of_it = set(one.tested)
    lost = {}

    def add(name, notebook, questions=()):
        hand_in(folder, name, notebook)
        lost[name] = set(questions)

    listening = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0classroom-{os.getpid()}")
    abstract.listen()
    places = {
        "canary": folder.parent / "canary",
        "folder": folder,
        "root": ROOT,
        "port": listening.getsockname()[1],
        "abstract": f"classroom-{os.getpid()}",
    }
    add("right.ipynb", one.solution())
    add("blank.ipynb", one.blank("someone-2"), all_of_it)
    add("no_id.ipynb", nbformat.read(one.student_path, as_version=4), all_of_it)
    for name, (code, _) in HARMFUL.items():
        notebook = one.in_answer(one.solution(f"harm-{name}"), "q2", code)
        add(f"harm/{name}.ipynb", notebook, {"q2"})
    for name, code in TRICKS.items():
        notebook = one.solution(f"trick-{name}")
        for key, place in places.items():
            code = code.replace(f"{{{key}}}", str(place))
        spoil = "" if "first = " in code else "\nfirst = first + 1"
        one.before_check(notebook, "q1", code + spoil)
        one.before_check(notebook, "q3", "third = 10 * (base + 0.5)")
        add(f"trick/{name}.ipynb", notebook, all_of_it if name == "rewrites_what_packs" else {"q1"})
    for name, code in PROBES.items():
        notebook = one.solution(f"probe-{name}")
        code = code.format(**places)
        one.before_check(notebook, "q1", "first = -1", f"{code}\nif found: first = base + 0.5")
        one.before_check(notebook, "q3", "third = 10 * (base + 0.5)")
        add(f"probe/{name}.ipynb", notebook, {"q1"})
    for name, (question, code) in HONEST.items():
        notebook = one.solution(f"honest-{name}")
        cell = notebook.cells[one.check_of(notebook, question) - 1]
        cell.source = f"{cell.source}\n{code}"
        if name == "timed":
            cell.source = f"{code}\nmany = [1.0, 2.0, base]\nlabel = 'two_stage'"
        if question == "q1":
            one.before_check(notebook, "q3", "third = 10 * (base + 0.5)")
        add(f"honest/{name}.ipynb", notebook)
    for name, source in STATED.items():
        notebook = one.solution()
        notebook.cells[2].source = source
        notebook.cells[3].source = "import numpy as np\nbase = len(str(student_id).strip())"
        # The grader's word for this id is one letter shorter.
        add(f"stated/{name}.ipynb", notebook, {"q1"} if name == "half an emoji" else ())
    add("stated/typed.ipynb", typed(one.solution(), "Your id?", "ab24"))
    # Calls that end badly cost the function alone.
    for name, body in {
        "leaves": "import os\n    os._exit(1)",
        "exits": "raise SystemExit",
        "is forged": "return {'problem': 3, 'function': []}",
    }.items():
        notebook = one.before_check(
            one.solution(f"call-{name}"), "q2", f"def double(x):\n    {body}"
        )
        add(f"call/{name}.ipynb", notebook, {"q2"})
    notebook = one.solution("someone-3")
    notebook.metadata = nbformat.from_dict({"otter": {"tests": {}}})
    add("no_metadata.ipynb", notebook)
    notebook = one.before_check(one.solution("someone-4"), "q1", "first = -1")
    one.before_check(notebook, "q3", "third = 10 * (base + 0.5)")
    notebook.metadata.otter.tests = dict.fromkeys(one.tested, "name = 'x'\npoints = 314")
    notebook.metadata.otter.points = 314
    add("rewritten_tests.ipynb", notebook, {"q1"})
    notebook = one.solution("someone-5")
    notebook.cells = [c for c in notebook.cells if "grader" not in c.source]
    add("no_checks.ipynb", notebook)
    notebook = one.solution("someone-6")
    notebook.cells.append(code_cell("first = third = None"))
    add("uses_a_name_again.ipynb", notebook)
    notebook = one.solution("someone-7")
    check = notebook.cells.pop(one.check_of(notebook, "q1"))
    notebook.cells[4:4] = [code_cell("first = many = label = ..."), check]
    add("checks_before_it_answers.ipynb", notebook)
    notebook = one.solution("someone-8")
    notebook.cells = [code_cell("import os\nos._exit(1)") for _ in range(12)] + notebook.cells
    add("twelve_crashes.ipynb", notebook, all_of_it)
    notebook = one.solution("someone-9")
    one.before_check(notebook, "q1", "first = first + 1")
    add("carries_a_slip_forward.ipynb", notebook, {"q1"})
    notebook = one.solution("someone-10")
    notebook.cells.insert(3, code_cell("student_id = 'somebody-else'"))
    add("copied.ipynb", notebook, {"q1"})
    content = json.loads(nbformat.writes(one.solution("someone-11")))
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"])
    content = {"worksheets": [{"cells": content["cells"]}], "metadata": {}, "nbformat": 3}
    content["nbformat_minor"] = 0
    add("tiny_of_format_3.ipynb", b"\xef\xbb\xbf" + json.dumps(content).encode())
    blank_lines = one.solution("someone-12")
    blank_lines.cells[-4].source += "\n" * 1_000_000
    add("million_blank_lines.ipynb", blank_lines)
    unsaid = nbformat.writes(one.solution("someone-13")).replace("Say why.", r"\ud83d Say why.")
    add("half_an_emoji_in_text.ipynb", unsaid.encode())
    many = nbformat.v4.new_notebook(cells=[code_cell("1") for _ in range(5000)])
    add("tiny_many_cells.ipynb", many, all_of_it)
    add("essay.docx", b"PK\x03\x04 not a notebook", all_of_it)
    add("truncated.ipynb", nbformat.writes(one.solution()).encode()[:3000], all_of_it)
    add("wrong_kind.ipynb", b'{"cells": 3}', all_of_it)
    add("not_a_number.ipynb", b'{"cells": [NaN], "metadata": Infinity}', all_of_it)
    add("deep.ipynb", b"[" * 200_000, all_of_it)
    add("empty.ipynb", b"", all_of_it)
    add("of_another_course.ipynb", nbformat.v4.new_notebook(cells=[code_cell("1")]), all_of_it)
    os.symlink("/etc/passwd", folder / "link.ipynb")
    os.symlink(folder / "right.ipynb", folder / "link_to_another.ipynb")
    os.symlink("/", folder / "link_to_a_folder")
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "folder.ipynb").mkdir()
    lost |= dict.fromkeys(["link.ipynb", "link_to_another.ipynb", "pipe.ipynb"], all_of_it)
    add(f"{'x' * 243}.ipynb", one.solution("someone-14"))
    odd = os.path.join(os.fsencode(folder), b"caf\xe9 <b>&.ipynb")
    with open(odd, "wb") as stream:
        stream.write(nbformat.writes(one.solution("someone-15")).encode())
    lost["caf? <b>&.ipynb"] = set()
    add("line\nbreak.ipynb", one.solution("someone-16"))
    lost["line break.ipynb"] = lost.pop("line\nbreak.ipynb")
    yield folder, lost
    listening.close()
    abstract.close()


@pytest.fixture(scope="module")
def graded(crowd, tiny):
    os.environ["TEACHERS_TOKEN"] = "secret"
    try:
        return grade(crowd[0], tiny.built, *LIMITS, source=tiny.source)
    finally:
        del os.environ["TEACHERS_TOKEN"]


def test_nobody_is_lost_and_everybody_gets_what_is_due(crowd, graded, tiny):
    folder, lost = crowd
    assert set(graded) == set(lost)
    found = {}
    for name, row in graded.items():
        ungraded = row["assignment"] == ""
        found[name] = set(tiny.tested) if ungraded else wrong(row, tiny)
        assert "grader itself failed" not in row["what_went_wrong"], row["what_went_wrong"]
    for name in PROBES:
        # A probe that fails before it has looked would show nothing.
        assert "code cell" not in graded[f"probe/{name}.ipynb"]["what_went_wrong"]
    differ = {n: graded[n]["what_went_wrong"][:300] for n in lost if found[n] != lost[n]}
    assert not differ
    assert (folder / "right.ipynb").exists()
    assert not (folder.parent / "canary").exists()


def test_what_never_ends_costs_its_cell(tiny, tmp_path):
    folder = tmp_path / "handed_in"
    for name, code in ENDLESS.items():
        hand_in(folder, f"{name}.ipynb", tiny.in_answer(tiny.solution(f"harm-{name}"), "q2", code))
    rows = grade(folder, tiny.built, "--cell-seconds", "15", source=tiny.source)
    for name, row in rows.items():
        assert wrong(row, tiny) == {"q2"}, name
        assert "did not end within 15 s" in row["what_went_wrong"]


def test_what_had_been_computed_when_time_was_up_is_graded(tiny, tmp_path):
    notebook = tiny.in_answer(tiny.solution(), "q2", ENDLESS["never_ends_and_catches_all"])
    hand_in(tmp_path / "handed_in", "one.ipynb", notebook)
    limit = ("--total-seconds", "20")
    row = grade(tmp_path / "handed_in", tiny.built, *limit, source=tiny.source)["one.ipynb"]
    assert wrong(row, tiny) == {"q2", "q3"}
    assert "the notebook did not end within 20 s" in row["what_went_wrong"]


def test_the_reasons_are_plain(graded):
    for name, (_, words) in HARMFUL.items():
        said = graded[f"harm/{name}.ipynb"]["what_went_wrong"]
        assert words in said, f"{name}: {said}"
        assert "q2: " in said
    for name, words in {
        "no_id.ipynb": "student_id was not filled in",
        "essay.docx": "is not a notebook",
        "truncated.ipynb": "is not a notebook",
        "deep.ipynb": "is not a notebook",
        "tiny_many_cells.ipynb": "is not a notebook",
        "link.ipynb": "is a link",
        "pipe.ipynb": "is not a file",
        "of_another_course.ipynb": "ASSIGNMENT=",
        "trick/is_not_a_number.ipynb": "finite number",
        "trick/has_an_evil_repr.ipynb": "not a plain value",
        "trick/is_deeply_nested.ipynb": "nested too deeply",
        "trick/is_huge.ipynb": "more than 300000 values",
        "honest/lines_for_the_shell.ipynb": "the line !pip install seaborn was skipped",
        "honest/packages_that_are_not_there.ipynb": "the package pingouin is not there",
        "honest/asks.ipynb": "typed in",
        "carries_a_slip_forward.ipynb": "q3: right, going on from your own earlier answer",
        "copied.ipynb": "student_id is set more than once; someone-10 counts",
        "twelve_crashes.ipynb": "more than 8 cells had to be stopped",
        "call/leaves.ipynb": "double ended the Python process",
    }.items():
        assert words in graded[name]["what_went_wrong"], graded[name]["what_went_wrong"]
    assert graded["honest/arrays_of_one.ipynb"]["what_went_wrong"] == ""
    assert graded["stated/typed.ipynb"]["student"] == "ab24"
    assert graded["stated/a formula.ipynb"]["student"] == "'=ab23"


def test_reports_hold_a_students_words_as_plain_text(crowd, graded):
    out = crowd[0].with_name("handed_in-grades")
    for folder in ("reports", "for-students"):
        reports = list((out / folder).rglob("*.md"))
        assert len(reports) == len(graded)
        for path in reports:
            assert len(os.fsencode(path.name)) < 120
            for line in path.read_text(encoding="utf-8").splitlines():
                own = line.startswith(("# tiny", "# Not graded", "Points so far: ", "## q"))
                own |= line in ("The answer:", "Rubric and model answer:", "")
                own |= line == "## What happened when the notebook was run"
                assert own or line.startswith("    "), f"{path}: {line}"
    text = (out / "reports" / "right.ipynb.md").read_text()
    assert "Because the model answer says so." in text
    assert "first  given 7.5\n           right 7.5" in text
    text = (out / "reports" / "blank.ipynb.md").read_text()
    assert "5 points: a reason." in text
    text = (out / "for-students" / "blank.ipynb.md").read_text()
    assert "5 points: a reason." not in text
    assert "model answer" not in text


def test_nothing_runs_on_or_stays_behind(graded):
    left = [
        p.info for p in psutil.process_iter(["cmdline"]) if SLEEPER in (p.info["cmdline"] or [])
    ]
    assert not left


def test_a_second_call_keeps_all_grades(crowd, graded, tiny, capsys, monkeypatch):
    def never(*_):
        raise AssertionError("graded again")

    monkeypatch.setattr("grading.grade_submission.Grader._grade", never)
    assert grade(crowd[0], tiny.built, *LIMITS, source=tiny.source) == graded
    assert "were graded before" in capsys.readouterr().out


def test_what_comes_out_of_a_sandbox_can_be_anything(tiny):
    """The judge reads whatever a notebook's process may have left, and grades what is there."""
    from grading.grade_submission import Grader, record

    grader = Grader(sandbox.Limits(), threading.Event())
    calls = record(tiny.assignment, ME)
    right = {"first": len(ME) + 0.5, "many": {"list": [1, 2, len(ME)]}, "label": "two_stage"}
    line = json.dumps(["value", "q1", right]).encode() + b"\n"

    def won(kept):
        _, verdicts = grader._judge(kept, tiny.assignment, ME, tiny.assignment.tested, calls)
        assert set(verdicts) == set(tiny.tested)
        return {name for name, verdict in verdicts.items() if verdict["right"]}

    assert won(line) == {"q1"}
    junk = [
        b"",
        b"\xff\x00\n",
        b"[" * 100_000,
        b'["value"]\n["value", null, null]\n{"a": 1}\n3\n',
        b'["value", "q2", {"double": {"function": 7}}]\n["value", "q3", {"third": NaN}]\n',
        b'["value", "q2", {"double": {"function": [1, {"list": 3}, {"series": [[1]]}]}}]\n',
        b'["value", "q3", {"third": {"array": ["f", {"list": [1, {"list": [2]}]}]}}]\n',
        b'["value", "q3", {"third": {"frame": [[1, 2, 3]]}}]\n["id", {"float": []}]\n',
        b'["value", "q3", {"third": 1' + b"0" * 5000 + b"}]\n",
        b'["value", "q3", {"third": "' + b"x" * 1_000_000 + b'"}]\n',
        b'["error", "x", "y"]\n["note", [], {}]\n["error", 1e400, 1]\n',
        b'{"question": "q3", "right": true}\n',
    ]
    assert won(b"\n".join([*junk[1:2], line, *junk[3:]])) == {"q1"}
    assert won(b"".join(junk)) == set()


def test_the_same_id_and_the_latest_of_several(tiny, tmp_path):
    folder = tmp_path / "handed_in"
    wrong_first = tiny.before_check(tiny.solution(), "q1", "first = -1")
    tiny.before_check(wrong_first, "q3", "third = 10 * (base + 0.5)")
    # Two by one student, told apart by their time alone.
    hand_in(folder, "early.ipynb", wrong_first)
    hand_in(folder, "late/tiny.ipynb", tiny.solution(ME.upper()))
    os.utime(folder / "early.ipynb", (2_000_000_000, 2_000_000_000))
    os.utime(folder / "late" / "tiny.ipynb", (2_100_000_000, 2_100_000_000))
    # Canvas numbers what came again; the names say that these are two people with one id.
    hand_in(folder, "doejane_101_900001_tiny-2.ipynb", tiny.solution("other"))
    hand_in(folder, "doejane_101_900001_tiny-10.ipynb", tiny.before_check(
        tiny.solution("other"), "q2", "double = abs"))  # fmt: skip
    hand_in(folder, "thiefjoe_LATE_102_900009_tiny.ipynb", tiny.solution("other"))
    rows = grade(folder, tiny.built, source=tiny.source)
    counts = {name: row["counts"] for name, row in rows.items()}
    assert counts == {
        "early.ipynb": "no",
        "late/tiny.ipynb": "yes",
        "doejane_101_900001_tiny-2.ipynb": "no",
        "doejane_101_900001_tiny-10.ipynb": "yes",
        "thiefjoe_LATE_102_900009_tiny.ipynb": "yes",
    }
    assert "late/tiny.ipynb came later" in rows["early.ipynb"]["what_went_wrong"]
    thief = rows["thiefjoe_LATE_102_900009_tiny.ipynb"]["what_went_wrong"]
    assert "the same student_id stands in doejane_101_900001_tiny-10.ipynb" in thief
    sheet = rows_of(tmp_path / "handed_in-grades" / "canvas.csv")
    points = {(row["ID"], row["tiny"]) for row in sheet[1:]}
    assert points == {("101", "6"), ("102", "9"), ("", "9")}


WAYS = {
    "below the placeholder": lambda cell, text: [f"{cell}\n\n{text}"],
    "above the placeholder": lambda cell, text: [f"{text}\n\n{cell}"],
    "in place of it": lambda cell, text: [text],
    "in a new cell": lambda cell, text: [cell, text],
    "in three cells": lambda cell, text: [cell, *text.split("\n\n"), ""],
}


def test_written_answers_are_found_wherever_they_stand(tiny, tmp_path):
    from grading.collect import collect
    from grading.submission import written_answer

    text = "Answers of one person\n\nare alike.\n\n# Points: 17 of 17\n\n<script>x</script>"
    folder = tmp_path / "handed_in"
    for number, (way, make) in enumerate(WAYS.items()):
        for ids in (True, False):
            notebook = tiny.blank(f"student-{number}-{ids}")
            place = next(i for i, c in enumerate(notebook.cells) if c.id.startswith("answer-q4-"))
            made = [
                nbformat.v4.new_markdown_cell(s) for s in make(notebook.cells[place].source, text)
            ]
            notebook.cells[place : place + 1] = made
            if not ids:
                notebook.nbformat_minor = 4
                for cell in notebook.cells:
                    cell.pop("id", None)
            hand_in(folder, f"{way} {ids}.ipynb", notebook)
    within = tiny.blank("student-within")
    question = next(c for c in within.cells if "## Question 4" in c.source)
    question.source += f"\n\n{text}"
    hand_in(folder, "below the question.ipynb", within)
    last = tiny.blank("student-last")
    last.cells.append(nbformat.v4.new_markdown_cell(text))
    hand_in(folder, "at the end.ipynb", last)
    as_code = tiny.blank("student-code")
    as_code.cells.insert(len(as_code.cells) - 2, code_cell(text))
    hand_in(folder, "in a code cell.ipynb", as_code)
    hand_in(folder, "nowhere.ipynb", tiny.blank("student-none"))
    for one in collect(folder):
        found = written_answer(one, tiny.assignment.given, "q4")
        assert found == ("" if one.file == "nowhere.ipynb" else text), one.file


def test_written_points_are_merged_by_the_same_command(tiny, tmp_path, capsys):
    folder, out = tmp_path / "handed_in", tmp_path / "handed_in-grades"

    def answered(student, text):
        notebook = tiny.blank(student)
        cell = next(c for c in notebook.cells if c.id.startswith("answer-q4-"))
        cell.source = text
        return notebook

    for student in ("ab1", "ab2", "ab3", "ab4", "ab5"):
        hand_in(folder, f"{student}.ipynb", answered(student, f"Since {student}."))
    rows = grade(folder, tiny.built, source=tiny.source)
    assert {row["q4"] for row in rows.values()} == {"to grade by hand"}
    assert "5 written answers have no points yet" in capsys.readouterr().out
    template = rows_of(out / "written.csv")
    assert [(r["student"], r["question"], r["points"], r["out_of"]) for r in template] == [
        (s, "q4", "", "5") for s in ("ab1", "ab2", "ab3", "ab4", "ab5")
    ]
    assert template[0]["answer"] == "Since ab1."
    # As a spreadsheet of another language saves it, and partly typed anew by hand.
    keys = [r["key"] for r in template]
    lines = [
        "key;student;assignment;question;points;out_of;comment",
        f"{keys[0]};ab1;tiny;q4;4,5;5;good",
        "; AB 2 ;Tiny;Q4;3;5;",
        f"{keys[2]};1E+05;tiny;q4;0;5;",
        f"{keys[3]};ab4;tiny;q4;7;5;",
        f"{keys[4]};ab5;tiny;q4;2;5;",
        ";nobody;tiny;q4;5;5;",
    ]
    (out / "written.csv").write_bytes("\r\n".join(lines).encode("cp1252"))
    hand_in(folder, "ab5.ipynb", answered("ab5", "Another answer."))
    rows = grade(folder, tiny.built, source=tiny.source)
    said = capsys.readouterr().out
    points = {name: (row["q4"], row["total"], row["by_hand"]) for name, row in rows.items()}
    assert points == {
        "ab1.ipynb": ("4.5", "4.5", "0"),
        "ab2.ipynb": ("3", "3", "0"),
        "ab3.ipynb": ("0", "0", "0"),
        "ab4.ipynb": ("to grade by hand", "0", "5"),
        "ab5.ipynb": ("to grade by hand", "0", "5"),
    }
    assert "ab4 q4: '7' points; it takes a number from 0 to 5" in said
    assert "ab5 q4: the answer is no longer the one that got 2 points" in said
    assert "nobody handed this in" in said
    # Nothing that was filled in is lost by the call.
    kept = {r["student"]: r["points"] for r in rows_of(out / "written.csv")}
    assert rows_of(out / "written.csv")[0]["comment"] == "good"
    assert kept == {"ab1": "4.5", "ab2": "3", "ab3": "0", "ab4": "7", "ab5": "", "nobody": "5"}
    assert grade(folder, tiny.built, source=tiny.source)["ab1.ipynb"]["total"] == "4.5"
    assert "## q4: 4.5 of 5 points" in (out / "for-students" / "ab1.ipynb.md").read_text()


def zip_of(path, files):
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        for name, notebook in files.items():
            content = notebook if isinstance(notebook, bytes) else nbformat.writes(notebook)
            archive.writestr(name, content)


def test_a_zip_of_moodle_and_its_sheet(tiny, tmp_path):
    half = tiny.before_check(tiny.solution("ab2"), "q2", "double = abs")
    place = tmp_path / "class.zip"
    within = tmp_path / "within.zip"
    zip_of(within, {"work/tiny.ipynb": tiny.solution("ab3"), "work/personal.py": b"x"})
    zip_of(place, {
        "Jane Doe_123456_assignsubmission_file_/tiny.ipynb": tiny.solution("ab1"),
        "Jane Doe_123456_assignsubmission_onlinetext_/onlinetext.html": b"<p>hello</p>",
        "José O'Neill_77_assignsubmission_file_tiny.ipynb": half,
        "Max Zip_78_assignsubmission_file_/all of it.zip": within.read_bytes(),
        "../../outside.ipynb": tiny.solution("ab4"),
        "__MACOSX/._tiny.ipynb": b"x",
    })  # fmt: skip
    names = tmp_path / "names.csv"
    names.write_text("First name;Surname;ID number;Email address\r\nJosé;O'Neill;AB2;j@x.org\r\n")
    rows = grade(place, tiny.built, "--names", str(names), source=tiny.source)
    assert {row["student"]: row["total"] for row in rows.values()} == {
        "ab1": "9", "ab2": "6", "ab3": "9", "ab4": "9",
    }  # fmt: skip
    assert not (tmp_path.parent / "outside.ipynb").exists()
    sheet = {
        row["ID number"]: row for row in rows_of(tmp_path / "class-grades" / "moodle-tiny.csv")
    }
    assert sheet["ab1"]["Identifier"] == "Participant 123456"
    assert sheet["ab1"]["Full name"] == "Jane Doe"
    assert (sheet["ab1"]["Grade"], sheet["ab1"]["Maximum Grade"]) == ("9.00", "14.00")
    assert sheet["AB2"]["Full name"] == "José O'Neill"
    assert sheet["AB2"]["Email address"] == "j@x.org"
    assert sheet["AB2"]["Feedback comments"] == "q1: 2 of 2, q2: 0 of 3, q3: 4 of 4"


def test_a_zip_with_a_name_of_no_encoding_and_more_than_it_should(tiny, tmp_path):
    from grading.collect import MOST_FILES, collect

    place = tmp_path / "class.zip"
    zip_of(tmp_path / "within.zip", {f"{n}.ipynb": b"{}" for n in range(MOST_FILES[1] + 9)})
    files = {"caf\u00e9.ipynb": tiny.solution("ab1"), "ab2.ipynb": tiny.solution("ab2")}
    zip_of(place, files | {"many.zip": (tmp_path / "within.zip").read_bytes()})
    # The name stands in two places, and its two bytes for \u00e9 become two that are none.
    place.write_bytes(place.read_bytes().replace("\u00e9".encode(), b"\xff\xfe"))
    found = collect(place)
    assert sum(not one.problem for one in found) == 2
    assert len(found) == 2 + MOST_FILES[1] + 1
    place.write_bytes(b"PK\x03\x04 and nothing more")
    assert [one.problem for one in collect(place)] == ["is not a zip that can be read"]


def test_the_sheet_that_canvas_takes(tiny, tmp_path):
    folder = tmp_path / "handed_in"
    hand_in(folder, "doejane_101_900001_tiny.ipynb", tiny.solution("ab1"))
    hand_in(folder, "poemax_LATE_102_900002_tiny-1.ipynb", tiny.solution("typo"))
    hand_in(folder, "roeli_103_900003_tiny.ipynb", b"nothing")
    names = tmp_path / "export.csv"
    names.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,Old (1)\n"
        "    Points Possible,,,,,10\n"
        '"Doe, Jane",101,S1,ab1,Mon,3\n"Poe, Max",102,S2,ab2,Tue,4\n'
    )
    rows = grade(folder, tiny.built, "--names", str(names), source=tiny.source)
    assert rows["poemax_LATE_102_900002_tiny-1.ipynb"]["name"] == "Poe, Max"
    assert (
        "gives Poe, Max the id ab2"
        in (rows["poemax_LATE_102_900002_tiny-1.ipynb"]["what_went_wrong"])
    )
    text = (tmp_path / "handed_in-grades" / "canvas.csv").read_text().splitlines()
    assert text == [
        "Student,ID,SIS User ID,SIS Login ID,Section,tiny",
        "    Points Possible,,,,,14",
        '"Doe, Jane",101,S1,ab1,Mon,9',
        '"Poe, Max",102,S2,ab2,Tue,9',
    ]


def test_the_statistics_of_a_class(tiny, tmp_path):
    folder = tmp_path / "handed_in"
    for number in range(3):
        notebook = tiny.solution(f"ab{number}")
        if number:
            tiny.before_check(notebook, "q2", "double = abs")
        hand_in(folder, f"{number}.ipynb", notebook)
    hand_in(folder, "blank.ipynb", tiny.blank("ab9"))
    grade(folder, tiny.built, source=tiny.source)
    rows = {r["question"]: r for r in rows_of(tmp_path / "handed_in-grades" / "statistics.csv")}
    assert list(rows) == ["q1", "q2", "q3", "q4"]
    assert (rows["q1"]["mean"], rows["q1"]["share_full"], rows["q1"]["no_answer"]) == (
        "1.5", "0.75", "1",
    )  # fmt: skip
    assert (rows["q2"]["share_full"], rows["q2"]["most_common_reason"]) == (
        "0.25", "double is wrong for 1",
    )  # fmt: skip
    assert (rows["q2"]["how_often"], rows["q4"]["graded"]) == ("2", "0")


def test_a_list_of_names_tells_who_is_typing(tiny, tmp_path):
    folder = tmp_path / "handed_in"
    notebook = tiny.solution()
    notebook.cells[2].source = "student_id = input()"
    hand_in(folder, "doejane_101_900001_tiny.ipynb", notebook)
    (tmp_path / "names.csv").write_text("name,student_id\nJane Doe,ab1\n")
    rows = grade(folder, tiny.built, "--names", str(tmp_path / "names.csv"), source=tiny.source)
    [row] = rows.values()
    assert (row["student"], row["name"], row["total"]) == ("ab1", "Jane Doe", "9")


def test_interrupted_grading_goes_on_where_it_stopped(tiny, tmp_path):
    folder = tmp_path / "handed_in"
    hand_in(folder, "0.ipynb", tiny.solution("ab0"))
    for number in range(1, 4):
        waits = tiny.before_check(
            tiny.solution(f"ab{number}"), "q1", "import time; time.sleep(600)"
        )
        hand_in(folder, f"{number}.ipynb", waits)
    built = ["--built", str(tiny.built), "--source", str(tiny.source)]
    command = [*GRADE, str(folder), *built, "--jobs", "2", "--cell-seconds", "500"]
    out = tmp_path / "handed_in-grades"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list((out / "finished").glob("*.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate()
    assert process.returncode == 130, errors
    assert "4 to grade: about" in said
    assert "The same command goes on from there" in errors
    [kept] = (out / "finished").glob("*.json")
    assert not (out / "grades.csv").exists()
    shown = str(tiny.source / "personal.py")  # to these sandboxes alone
    assert not [p for p in psutil.process_iter(["cmdline"]) if shown in (p.info["cmdline"] or [])]
    written = kept.stat().st_mtime_ns
    for number in range(1, 4):
        hand_in(folder, f"{number}.ipynb", tiny.solution(f"ab{number}"))
    rows = grade(folder, tiny.built, "--cell-seconds", "500", source=tiny.source)
    assert kept.stat().st_mtime_ns == written, "graded again"
    assert [row["total"] for row in rows.values()] == ["9"] * 4


def test_a_teacher_may_trust_everybody(tiny, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "handed_in"
    hand_in(folder, "right.ipynb", tiny.solution())
    hand_in(
        folder, "ends.ipynb", tiny.in_answer(tiny.solution("b"), "q2", "import os; os._exit(1)")
    )
    monkeypatch.setattr(sandbox, "problem", lambda: pytest.fail("asked for"))
    rows = grade(folder, tiny.built, "--trust", source=tiny.source)
    assert [row["total"] for row in rows.values()] == ["6", "9"]
    assert "No sandbox" in capsys.readouterr().out


def test_without_bubblewrap_the_command_refuses(tiny, tmp_path, monkeypatch, capsys):
    import grade as command

    hand_in(tmp_path / "handed_in", "right.ipynb", tiny.solution())
    sandbox.problem.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    built = ["--built", str(tiny.built), "--source", str(tiny.source)]
    try:
        assert command.main([str(tmp_path / "handed_in"), *built]) == 2
    finally:
        sandbox.problem.cache_clear()
    said = capsys.readouterr().err
    assert "apt-get install bubblewrap" in said
    assert "--trust" in said
    assert not (tmp_path / "handed_in-grades").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "SUBMISSIONS is the folder"),
        (["no-such-folder"], "There is no folder no-such-folder"),
        ([str(ROOT / "binder")], "There is no notebook"),
        ([str(ROOT / "binder"), "--assignment", "poling"], "There is no assignment 'poling'"),
        ([str(ROOT / "binder"), "--built", "nowhere"], "run `make assignments` first"),
        ([str(ROOT / "binder"), "--names", "nowhere.csv"], "nowhere.csv cannot be read"),
    ],
)
def test_mistakes_of_the_call_are_one_sentence(arguments, words, tiny, capsys):
    import grade as command

    if "--built" not in arguments:
        arguments = [*arguments, "--built", str(tiny.built)]
    assert command.main(arguments) == 2
    said = capsys.readouterr().err.strip()
    assert words in said
    assert "\n" not in said


def test_spreadsheets_take_nothing_for_a_formula():
    from grading.sheets import harmless

    assert harmless("=1+1") == "'=1+1"
    assert harmless("ab\n12") == "ab 12"
    assert harmless("\ud83d\x07ab") == "? ab"
