# SPDX-License-Identifier: GPL-3.0-or-later
import io
import zipfile

import pytest

from rehearsal import packages


def test_the_estates_functions_are_all_there():
    assert packages.names() == [
        "ai_chat_handler",
        "meeting_manager",
        "messaging_handler",
        "polly_tts",
        "recording_handler",
        "transcription_processor",
    ]


def test_the_same_files_give_the_same_bytes_in_any_order():
    files = {"b.py": b"2", "a.py": b"1"}
    assert packages.build_archive(files) == packages.build_archive(dict(sorted(files.items())))


def test_other_content_gives_another_hash():
    first, second = (packages.code_sha256(packages.build_archive({"a.py": text})) for text in (b"1", b"2"))
    assert first != second


def test_the_date_of_a_file_does_not_count(tmp_path):
    import os

    (tmp_path / "one.py").write_text("x = 1\n")
    first = packages.build_package("one", tmp_path)
    os.utime(tmp_path / "one.py", (0, 0))
    assert packages.build_package("one", tmp_path) == first


def test_a_package_holds_its_handler_and_can_be_read_by_everybody():
    with zipfile.ZipFile(io.BytesIO(packages.build_package("meeting_manager"))) as archive:
        [entry] = archive.infolist()
    assert (entry.filename, entry.external_attr >> 16) == ("meeting_manager.py", 0o644)


def test_a_function_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="expected one of ai_chat_handler"):
        packages.build_package("nothing")
