/**
 * The program between a pod's wrapper and Ray: `#!PYTHON -IS` and this. Ray's leader gets a process group of its own,
 * so that TERM, which the pod's whole group gets, reaches it alone: its children would leave it hanging if they died
 * before it. It stays in the pod's session, in which the driver ends what is left.
 * @param command absolute path of the program, and its arguments
 */
export function launcherScript(python: string, command: readonly string[]): string {
  return `#!${python} -IS
import os, signal, sys
pid = 0
asked = False
def forward(*_):
    global asked
    asked = True
    if pid:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(each, forward)
command = ${JSON.stringify(command)}
pid = os.fork()
if pid == 0:
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)
    os.setpgid(0, 0)
    try:
        os.execv(command[0], command)
    except OSError as error:
        print("berth: Ray could not be started:", error, file=sys.stderr)
        os._exit(127)
if asked:
    forward()
while True:
    try:
        _, status = os.waitpid(pid, 0)
        break
    except InterruptedError:
        pass
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
`
}
