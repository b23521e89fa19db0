import { execFile } from "node:child_process"
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { humanBytes } from "./human.ts"

/** One thing that was looked at. */
export interface Finding {
  /** Stable: `node`, `data`, `disk`, … */
  readonly name: string
  readonly level: "ok" | "warn" | "fail"
  readonly message: string
  /** What to do where it is not well; may be empty. */
  readonly advice: string
}

export interface MachineOptions {
  readonly dataDir: string
  readonly isRoot: boolean
}

/** Looks at this machine: every check by itself, none throws, none takes longer than some seconds. */
export async function machineChecks(options: MachineOptions): Promise<readonly Finding[]> {
  return [
    checkNode(process.versions.node),
    checkPlatform(process.platform),
    checkDataDir(options.dataDir),
    checkDisk(options.dataDir),
    checkAccount(options.isRoot),
    await checkTool("setpriv", "--version", {
      found: "It is here, to give pods accounts of their own.",
      missing: "setpriv is missing: work of people who are not server owners cannot be kept apart.",
      advice: "Install util-linux.",
    }),
    await checkTool("fallocate", "--version", {
      found: "Long logs can be cut at the head.",
      missing: "fallocate is missing: logs are not cut at their cap.",
      advice: "Install util-linux.",
    }),
    checkCgroup(),
    checkLimit(),
    await checkGpus(),
  ]
}

const ok = (name: string, message: string): Finding => ({ name, level: "ok", message, advice: "" })
const warn = (name: string, message: string, advice: string): Finding => ({
  name,
  level: "warn",
  message,
  advice,
})
const fail = (name: string, message: string, advice: string): Finding => ({
  name,
  level: "fail",
  message,
  advice,
})

/** Node runs TypeScript as it is, and holds SQLite, from 24 on. */
export function checkNode(version: string): Finding {
  return Number(version.split(".")[0]) >= 24
    ? ok("node", `Node ${version}.`)
    : fail(
        "node",
        `Node ${version} is too old for the server: it needs 24.`,
        "`npm ci` brings the right one; start with npm.",
      )
}

function checkPlatform(platform: string): Finding {
  return platform === "linux"
    ? ok("platform", "Linux.")
    : fail(
        "platform",
        `${platform}: the server runs on Linux (and WSL2) only.`,
        "The other commands work here.",
      )
}

/** Whether a server of this account could use the directory; it makes what is missing of the path. */
export function checkDataDir(folder: string): Finding {
  const nearest = nearestExisting(folder)
  if (!statSync(nearest).isDirectory())
    return fail(
      "data",
      `${nearest} is not a folder, so ${folder} cannot be one.`,
      "Choose another with --data DIR.",
    )
  try {
    accessSync(nearest, constants.W_OK | constants.X_OK)
  } catch {
    return fail(
      "data",
      `${nearest} may not be written by this account.`,
      "Choose another with --data DIR, or change its owner.",
    )
  }
  return ok(
    "data",
    nearest === folder ? `${folder} can be written.` : `${folder} is not there yet and can be made.`,
  )
}

function nearestExisting(folder: string): string {
  let at = folder
  while (!existsSync(at) && at !== dirname(at)) at = dirname(at)
  return at
}

const leastFree = 2 * 2 ** 30

function checkDisk(folder: string): Finding {
  const at = nearestExisting(folder)
  const { bavail, bsize, blocks } = statfsSync(at)
  const free = bavail * bsize
  const text = `${humanBytes(free)} of ${humanBytes(blocks * bsize)} are free below ${at}.`
  return free >= leastFree
    ? ok("disk", text)
    : warn("disk", text, "When it is full nothing new is accepted, and pods that log are stopped: make room.")
}

function checkAccount(isRoot: boolean): Finding {
  return isRoot
    ? ok("account", "A server of this account can give every workspace an account of its own.")
    : warn(
        "account",
        "A server of this account cannot keep workspaces apart: it is not root.",
        "Fine for one person. For a team start it as root, or set local.shareAccount to trust each other.",
      )
}

interface ToolTexts {
  readonly found: string
  readonly missing: string
  readonly advice: string
}

async function checkTool(name: string, argument: string, texts: ToolTexts): Promise<Finding> {
  const answer = await ask(name, [argument])
  return answer.ok ? ok(name, texts.found) : warn(name, texts.missing, texts.advice)
}

/** One short program's first kilobytes; never throws. */
function ask(
  command: string,
  args: readonly string[],
): Promise<{ readonly ok: boolean; readonly text: string; readonly isMissing: boolean }> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 10_000, maxBuffer: 2 ** 20 }, (error, stdout) =>
      resolve({
        ok: error === null,
        text: stdout,
        isMissing: error?.code === "ENOENT" || error?.code === "EACCES",
      }),
    )
  })
}

function checkCgroup(): Finding {
  try {
    const group = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1]
    const folder = `/sys/fs/cgroup${group ?? ""}`
    if (group === undefined) throw new Error("version 1")
    accessSync(folder, constants.W_OK)
    // not a control group where version 2 is mounted elsewhere, beside version 1
    accessSync(`${folder}/cgroup.procs`)
    return ok("cgroup", "Every pod can have a control group of its own.")
  } catch {
    // not mounted, not version 2, or not ours: the same for pods
  }
  return warn(
    "cgroup",
    "No control groups can be made here: what a pod leaves behind is found by its session and environment alone.",
    "Under systemd: Delegate=yes in the server's unit, as `berth unit` writes it.",
  )
}

const leastFiles = 4096

/** Each pod and stream takes a few open files. */
function checkLimit(): Finding {
  let soft = Number.NaN
  try {
    soft = Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1])
  } catch {
    // not Linux
  }
  if (Number.isNaN(soft) || soft >= leastFiles) return ok("open files", "Enough files may be open at once.")
  return warn(
    "open files",
    `Only ${soft} files may be open at once: too few for some hundred pods and streams.`,
    `ulimit -n ${leastFiles}, or LimitNOFILE= in the server's unit.`,
  )
}

async function checkGpus(): Promise<Finding> {
  const answer = await ask("nvidia-smi", ["-L"])
  if (answer.isMissing)
    return ok(
      "gpus",
      "There is no nvidia-smi: this machine counts as one without GPUs (--simulate declares some).",
    )
  const gpus = answer.text.split("\n").filter((line) => line.startsWith("GPU "))
  if (!answer.ok || gpus.length === 0)
    return warn("gpus", "nvidia-smi is here but lists no GPU.", "Run nvidia-smi and see what it says.")
  return ok(
    "gpus",
    `${gpus.length} GPUs: ${gpus[0]?.replace(/ \(UUID.*/, "") ?? ""}${gpus.length > 1 ? ", …" : ""}`,
  )
}
