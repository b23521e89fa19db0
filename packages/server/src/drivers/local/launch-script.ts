import { relative } from "node:path"

export interface LaunchScript {
  /** The script that sets the environment and becomes the entry point. */
  readonly text: string
  /** Names that no POSIX shell can hand on; they are left out. */
  readonly leftOut: readonly string[]
}

/** Absolute paths. */
export interface LaunchFiles {
  readonly workDir: string
  readonly entryFile: string
  /** With it the pod is told to stop. */
  readonly stopReasonFile: string
}

const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * The script that runs under the pod's account between the wrapper and the entry point. The environment travels
 * in it, not in the wrapper's own environment: that runs as the server's account, and LD_PRELOAD or PATH of a
 * user would act there; nor as arguments, which every account can read.
 * @param entryPoint its text: a first line `#!` names its interpreter, else it is for /bin/sh
 */
export function launchScript(
  env: Readonly<Record<string, string>>,
  files: LaunchFiles,
  entryPoint: string,
): LaunchScript {
  const leftOut: string[] = []
  const exports: string[] = []
  for (const [name, value] of Object.entries(env)) {
    if (!shellName.test(name) || value.includes("\0")) leftOut.push(name)
    // `command`: a name that the shell keeps read-only (bash: UID) must not end the script
    else exports.push(`command export ${shellQuote(`${name}=${value}`)} 2>/dev/null`)
  }
  const text = [
    // TERM reached the wrapper before this process was there to get it
    `[ -e ${shellQuote(files.stopReasonFile)} ] && exit 143`,
    "umask 022",
    // for the command only: the kernel ends it, not the wrapper that has to record the end
    "echo 800 2>/dev/null >/proc/$$/oom_score_adj",
    `cd ${shellQuote(files.workDir)} || exit 126`,
    ...exports,
    `exec ${commandOf(entryPoint, files).map(shellQuote).join(" ")}`,
    "",
  ].join("\n")
  return { text, leftOut }
}

/**
 * As the kernel splits a first line: the interpreter, and the rest as one argument. The shell gets the script by its
 * place seen from the working folder: it puts that name before whatever it complains of, and the data directory's
 * path there would only hide what the user wrote.
 */
function commandOf(entryPoint: string, { workDir, entryFile }: LaunchFiles): readonly string[] {
  const found = /^#![ \t]*([^\s]+)(?:[ \t]+([^\n]*))?/.exec(entryPoint)
  const rest = found?.[2]?.trim()
  if (!found?.[1]) return ["/bin/sh", relative(workDir, entryFile)]
  return [found[1], ...(rest ? [rest] : []), entryFile]
}

/** One word for a POSIX shell, whatever is in it. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
