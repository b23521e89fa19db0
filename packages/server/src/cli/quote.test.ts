import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  nameFromCommand,
  quoteCommand,
  quoteWord,
  renderEntryPoint,
  sanitiseName,
  toBase64,
} from "./quote.ts"

/** An argument is bytes without NUL; what is not well-formed UTF-16 cannot be sent at all. */
const word = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom(
      "",
      "'",
      "''",
      "\\",
      "\\'",
      "$HOME",
      "`id`",
      "$(id)",
      "*",
      "~",
      "~root",
      "!",
      "#",
      "a b",
      "\n",
      "\t",
      "\r\n",
    ),
    fc.constantFrom(
      "-n",
      "--",
      "=x",
      "A=b",
      "{a,b}",
      "[a]",
      ">f",
      "&",
      "|",
      ";",
      "é",
      "日本",
      "🚀",
      "%s",
      "\u0001",
    ),
  )
  .filter((text) => !text.includes("\0") && text.isWellFormed())

/** What a shell makes of many command lines, in one process: `printf` gives each argument back, ended by NUL. */
function readBack(commands: readonly (readonly string[])[], shell: string): string[][] {
  const script = commands.map(
    (words) => `${quoteCommand(["printf", "%s\\000", String(words.length), ...words])}\n`,
  )
  const parts = execFileSync(shell, [], { input: script.join(""), encoding: "utf8" }).split("\0")
  const found: string[][] = []
  while (parts.length > 1) {
    const length = Number(parts.shift())
    found.push(parts.splice(0, length))
  }
  return found
}

describe("quoteCommand", () => {
  it("gives the shell exactly the same words, whatever they hold", () => {
    const commands = fc.sample(fc.array(word, { maxLength: 5 }), { numRuns: 500 })
    expect(readBack(commands, "/bin/sh")).toEqual(commands)
  })

  it("survives every printable character in every place", () => {
    const printable = Array.from({ length: 127 - 1 }, (_, code) => String.fromCharCode(code + 1))
    const commands = [printable, printable.map((c) => `a${c}`), printable.map((c) => `${c}a`)]
    expect(readBack(commands, "/bin/sh")).toEqual(commands)
  })

  it("leaves plain words readable", () => {
    expect(quoteCommand(["python3", "train.py", "--lr=3e-4", "a,b", "x@y:z%"])).toBe(
      "python3 train.py --lr=3e-4 a,b x@y:z%",
    )
    expect(quoteWord("it's")).toBe(`'it'\\''s'`)
    expect(quoteWord("")).toBe("''")
  })

  it("refuses what no argument can hold", () => {
    expect(() => quoteWord("a\0b")).toThrow(RangeError)
  })
})

describe("renderEntryPoint", () => {
  let root: string
  beforeAll(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), "berth-quote-")))
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  const run = (script: string, env: Record<string, string> = {}) =>
    execFileSync("/bin/sh", ["-s"], {
      input: script,
      encoding: "utf8",
      env: { PATH: "/usr/bin:/bin", ...env },
    })

  it.each(["plain", "two words", "it's", "-dash", "$(touch x)", "new\nline", "日本"])(
    "goes to a folder called %j and becomes the command there",
    (name) => {
      const cwd = join(root, name)
      mkdirSync(cwd)
      const command = [process.execPath, "-p", "JSON.stringify([process.cwd(), process.ppid])"]
      const [where] = JSON.parse(run(renderEntryPoint({ cwd, command }))) as [string]
      expect(where).toBe(cwd)
    },
  )

  it("replaces the shell, so that signals reach the command itself", () => {
    const script = `echo $$\n${renderEntryPoint({ cwd: root, command: [process.execPath, "-p", "process.pid"] })}`
    const [shell, command] = run(script).trim().split("\n")
    expect(command).toBe(shell)
  })

  it("is not led elsewhere by CDPATH", () => {
    mkdirSync(join(root, "decoy", "target"), { recursive: true })
    mkdirSync(join(root, "target"), { recursive: true })
    const script = renderEntryPoint({ cwd: "target", command: ["pwd"] })
    const out = run(`cd ${quoteWord(root)}\n${script}`, { CDPATH: join(root, "decoy") })
    expect(out).toBe(`${join(root, "target")}\n`)
  })

  it("fails instead of running somewhere else when the folder is not there", () => {
    const script = renderEntryPoint({ cwd: join(root, "gone"), command: ["echo", "ran"] })
    expect(() => run(`exec 2>/dev/null\n${script}`)).toThrow(/Command failed/)
  })
})

describe("names", () => {
  it.each([
    [["python3", "-u", "train.py", "--lr", "1"], "train"],
    [["python", "/home/a/My_Train v2.py"], "python"],
    [["python3.11", "src/fine_tune.py"], "fine-tune"],
    [["torchrun", "--nnodes", "2", "pretrain.py"], "pretrain"],
    [["./run.sh"], "run"],
    [["/usr/bin/nvidia-smi"], "nvidia-smi"],
    [["sh", "-c", "echo hi; ls a.b"], "sh"],
    [["7z"], "run-z"],
    [["日本"], "run"],
  ])("makes a name of %j", (command, name) => {
    expect(nameFromCommand(command)).toBe(name)
  })

  it("always fits the rule of workload names", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 120 }), (text) => {
        expect(sanitiseName(text)).toMatch(/^[a-z]([-a-z0-9]{0,43}[a-z0-9])$/)
        expect(nameFromCommand([text, text])).toMatch(/^[a-z]([-a-z0-9]{0,43}[a-z0-9])$/)
      }),
    )
  })

  it("keeps a name that is right as it is", () => {
    expect(sanitiseName("my-job-2")).toBe("my-job-2")
    expect(sanitiseName("My Job! (2)")).toBe("my-job-2")
    expect(sanitiseName("x".repeat(100))).toHaveLength(45)
  })
})

it("encodes scripts as UTF-8", () => {
  expect(Buffer.from(toBase64("échó 日本\n"), "base64").toString("utf8")).toBe("échó 日本\n")
})
