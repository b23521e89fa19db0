import { execFile, spawnSync } from "node:child_process"
import { promisify } from "node:util"
import { checkExchange } from "../../packages/server/src/http/test-exchange.ts"
import { sendRaw } from "../../packages/server/src/http/test-server.ts"
import { cleanEnvironment } from "./real-server.ts"

const deadlineMs = 40_000

/** Whether the machine has the program. */
export const hasCurl = spawnSync("curl", ["--version"]).status === 0

export interface CurlAnswer {
  readonly status: number
  readonly text: string
}

/**
 * Does what a printed line of `curl` does, by the program itself or, where it is not to be, by the same bytes. The answer
 * is checked against the API's document.
 * @param printed the line with its host filled in; words are quoted with '…' or not at all
 * @param more further arguments
 */
export async function runPrinted(
  printed: string,
  more: readonly string[],
  by: "program" | "bytes",
): Promise<CurlAnswer> {
  const words = [...wordsOf(printed), ...more]
  if (words[0] !== "curl") throw new Error(`This is no line of curl: ${printed}`)
  return by === "program" ? byProgram(words.slice(1)) : byBytes(words.slice(1))
}

/** A printed line as a shell would split it. */
function wordsOf(printed: string): readonly string[] {
  return [...printed.replaceAll("\\\n", " ").matchAll(/'([^']*)'|([^\s']+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? "",
  )
}

async function byProgram(args: readonly string[]): Promise<CurlAnswer> {
  const format = "\n%{http_code} %{content_type}"
  const { stdout } = await promisify(execFile)("curl", ["-q", "-sS", "-w", format, ...args], {
    timeout: deadlineMs,
    // no proxy and no settings of whoever runs the tests
    env: cleanEnvironment("/nonexistent"),
  })
  const end = stdout.lastIndexOf("\n")
  const [code = "", contentType = ""] = stdout.slice(end + 1).split(" ")
  const answer = { status: Number(code), text: stdout.slice(0, end) }
  const { method, url } = readArgs(args)
  checkExchange({ method, url: url.pathname + url.search, contentType, ...answer })
  return answer
}

async function byBytes(args: readonly string[]): Promise<CurlAnswer> {
  const { method, url, body, headers } = readArgs(args)
  const form = { "content-type": "application/x-www-form-urlencoded" }
  const { status, text } = await sendRaw(Number(url.port), {
    method,
    path: url.pathname + url.search,
    headers: { authorization: "", ...(body === undefined ? {} : form), ...headers },
    ...(body === undefined ? {} : { body }),
  })
  return { status, text }
}

/** As the documents write it → what it is. */
const withValue: Readonly<Record<string, "body" | "method" | "header">> = {
  "--data": "body",
  "--data-raw": "body",
  "-d": "body",
  "--request": "method",
  "-X": "method",
  "--header": "header",
  "-H": "header",
}

/** What the arguments ask for: those that the documents use. */
function readArgs(args: readonly string[]) {
  const values: Record<string, string> = {}
  const headers: Record<string, string> = {}
  const rest: string[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ""
    const what = withValue[arg]
    const value = what === undefined ? "" : (args[++at] ?? "")
    if (what === "header") {
      const [name = "", ...text] = value.split(": ")
      headers[name.toLowerCase()] = text.join(": ")
    } else if (what !== undefined) values[what] = value
    else if (!arg.startsWith("--")) rest.push(arg)
  }
  const { body } = values
  return {
    method: values["method"] ?? (body === undefined ? "GET" : "POST"),
    url: new URL(rest[0] ?? ""),
    body,
    headers,
  }
}
