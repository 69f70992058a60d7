"""Takes a picture of a page: `python web/tools/screenshot.py URL FILE.png --language zh-CN`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from chromium import Chromium


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("file", type=Path)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--language", default="en-US")
    parser.add_argument("--light", action="store_true", help="light colours")
    parser.add_argument("--wait", default="[data-testid=board] canvas", help="CSS selector to wait for")
    parser.add_argument("--seconds", type=float, default=1.5, help="time to settle after that")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with Chromium(width, height, options.language) as page:
        if options.light:
            page.call(
                "Page.addScriptToEvaluateOnNewDocument",
                source="localStorage.setItem('seatbus.colors', 'light')",
            )
        page.open(options.url)
        page.wait_for(f"document.querySelector({options.wait!r}) !== null")
        time.sleep(options.seconds)
        page.picture(options.file)
    print(f"{options.file}: {options.file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
