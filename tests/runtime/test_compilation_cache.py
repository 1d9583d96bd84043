"""The cache of compiled programs: reused by the next run, and never an obstacle."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import processes

from jaxcmp.runtime import compilation_cache

# A program that takes longer to compile than what JAX would not keep.
PROGRAM = """
import sys
import jax, jax.numpy as jnp
from jaxcmp.runtime import compilation_cache

jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
print(compilation_cache.enable())
print(jax.jit(lambda x: jnp.sin(x) @ x)(jnp.ones((4, 4))).sum())
"""


def run(cache, **extra):
    """Returns the cache folder that a separate process reports, its result, and its stderr."""
    environment = processes.environment(JAXCMP_CACHE=str(cache), **extra)
    if "JAX_COMPILATION_CACHE_DIR" not in extra:
        del environment["JAX_COMPILATION_CACHE_DIR"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        cwd=processes.ROOT,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    folder, result = done.stdout.splitlines()
    return folder, result, done.stderr


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_second_run_reuses_the_first_ones_programs_silently(tmp_path):
    folder, result, err = run(tmp_path)
    assert folder == str(tmp_path / "compiled" / compilation_cache.processor())
    kept = names(tmp_path)
    assert kept and not err
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    assert run(tmp_path) == (folder, result, "")
    assert names(tmp_path) == kept
    assert times == [p.stat().st_mtime_ns for p in sorted(tmp_path.rglob("*")) if p.is_file()]


def test_a_folder_of_the_users_own_is_used_as_it_is(tmp_path):
    folder, _, _ = run(tmp_path / "ours", JAX_COMPILATION_CACHE_DIR=str(tmp_path / "theirs"))
    assert folder == str(tmp_path / "theirs")
    assert names(tmp_path / "theirs") and not (tmp_path / "ours").exists()


def test_the_cache_can_be_switched_off(tmp_path):
    folder, _, _ = run(tmp_path, JAX_ENABLE_COMPILATION_CACHE="false")
    assert folder == "None"
    assert not names(tmp_path)


def test_an_unwritable_folder_is_not_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    folder, _, err = run(tmp_path / "file")
    assert (folder, err) == ("None", "")


def test_an_unknown_home_folder_is_not_an_error():
    folder, _, err = run("~no-such-user/cache")
    assert (folder, err) == ("None", "")


def test_the_oldest_programs_are_deleted_when_there_are_too_many(tmp_path):
    for age, name in enumerate("abc"):
        (tmp_path / name).write_bytes(bytes(10))
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    compilation_cache.prune(tmp_path, max_bytes=30)
    assert names(tmp_path) == ["a", "b", "c"]
    compilation_cache.prune(tmp_path, max_bytes=20)
    assert names(tmp_path) == ["a", "b"]


def test_programs_that_another_run_deletes_meanwhile_are_no_error(tmp_path):
    paths = [tmp_path / str(number) for number in range(3000)]
    for path in paths:
        path.touch()
    with ThreadPoolExecutor(1) as other:
        deleting = other.submit(lambda: [path.unlink() for path in paths])
        while not deleting.done():
            compilation_cache.prune(tmp_path, max_bytes=100)
        deleting.result()
    assert names(tmp_path) == []


def test_the_name_of_a_processor_is_stable():
    assert compilation_cache.processor() == compilation_cache.processor()
    assert len(compilation_cache.processor()) == 12
