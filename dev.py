"""Set up the developer environment and run its commands; `python dev.py --help` lists them.

Uses only the standard library. The syntax works in any Python 3, so an unsupported one gets an error line instead of a
SyntaxError.
"""

import argparse
import signal
import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def refusal(version):
    # type: (tuple[int, ...]) -> str | None
    """Return an error line if this Python version is unsupported, else None."""
    if OLDEST <= version[:2] <= NEWEST:
        return None
    return "Mend's developer environment needs Python 3.11, 3.12 or 3.13; this is Python {}.{} ({}).".format(
        version[0], version[1], sys.executable
    )


def parser():
    # type: () -> argparse.ArgumentParser
    top = argparse.ArgumentParser(prog="dev.py", description=__doc__.splitlines()[0], allow_abbrev=False)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, text, add_help=True):
        # type: (str, str, bool) -> argparse.ArgumentParser
        return commands.add_parser(name, help=text, description=text, allow_abbrev=False, add_help=add_help)

    demo = command("demo", "inpaint a photograph on a real ComfyUI and write the pictures to demo-output")
    test = command("test", "run the tests; arguments that are not listed here go to pytest")
    serve = command("serve", "run ComfyUI with this pack, in the foreground")
    lint = command("lint", "check style and types")
    batch = command(
        "batch",
        "inpaint a folder of pictures through running ComfyUI hosts; all other arguments go to it",
        add_help=False,
    )
    bench = command("bench", "run benchmarks; arguments that are not listed here go to the benchmark")
    command("resolve", "show that the pinned versions resolve for each supported Python")
    command("clean", "remove everything that dev.py created here")

    for existing in (demo, test, serve, lint, batch, bench):
        existing.add_argument(
            "--comfyui", metavar="PATH", help="use this ComfyUI and this Python; nothing is installed there"
        )
    serve.add_argument("--models", metavar="DIR", help="a folder with your checkpoints, vae, loras, ...")
    demo.add_argument("--checkpoint", metavar="FILE", help="your checkpoint, instead of the small one of the demo")
    demo.add_argument("--image", metavar="FILE", help="your picture")
    demo.add_argument("--mask", metavar="FILE", help="your mask: white is repainted")
    demo.add_argument("--prompt", metavar="TEXT", help="what should be there instead, for a checkpoint of yours")
    demo.add_argument("--output", metavar="DIR", help="where the pictures go (default: demo-output)")
    kind = test.add_mutually_exclusive_group()
    kind.add_argument("--web", action="store_true", help="run only the tests in a real browser")
    kind.add_argument("--fast", action="store_true", help="skip slow tests and tests that start a server")
    serve.add_argument("--port", type=int, default=8188, help="default: %(default)s")
    bench.add_argument("name", nargs="?", help="one of benchmarks/NAME.py; default: all except those in gpu/")
    top.set_defaults(comfyui=None)
    return top


def main(arguments=None):
    # type: (list[str] | None) -> int
    reason = refusal(tuple(sys.version_info[:3]))
    if reason:
        sys.stderr.write(reason + "\n")
        return 2
    top = parser()
    options, extra = top.parse_known_args(arguments)
    if extra and options.command not in ("test", "bench", "batch"):
        top.error("unrecognized arguments: " + " ".join(extra))

    from devtools import commands

    # SIGTERM cleans up like Ctrl-C, so that no host process is left running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return commands.run(options, extra)
    except commands.Refused as error:
        sys.stderr.write(str(error) + "\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
