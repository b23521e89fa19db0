import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, it } from "vitest"
import { hasCurl } from "../support/printed-curl.ts"
import {
  bounded,
  cleanEnvironment,
  cliFile,
  nodeFlags,
  type RealServer,
  startRealServer,
} from "../support/real-server.ts"

/* The README's tour of GPU requests, word for word, in one shell. */

const deadlineMs = 100_000
const readme = readFileSync(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8")
const section = /^## GPUs for a time\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? ""
const [start = "", ...steps] = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
  ([, text]) => text ?? "",
)

let server: RealServer
/** What each line of the tour has written, by the line. */
let written: ReadonlyMap<string, string>
beforeAll(async () => {
  const [, flags = ""] = /^npm start -- --data \S+ (--simulate \S+)$/m.exec(start) ?? []
  server = await startRealServer({ flags: flags.split(" ") })
  written = await takeTour(
    steps
      .join("")
      .trim()
      .split(/\n(?! )/)
      .filter(canRun),
  )
}, deadlineMs)
afterAll(() => server?.close())

const canRun = (line: string) => hasCurl || !line.startsWith("curl ")
const mark = (line: number) => `@@ ${line} @@`

/** A line with the folder and the address of this test's server. */
const onServer = (line: string) =>
  line.replaceAll("/tmp/berth-gpus", server.dataDir).replaceAll("http://127.0.0.1:8080", server.url)

/** Runs the lines one after the other; `npx berth` is the program of this folder. @throws when one fails */
async function takeTour(lines: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const script = [
    `npx() { shift; "${process.execPath}" ${nodeFlags.join(" ")} "${cliFile}" "$@"; }`,
    "set -eu",
    ...lines.flatMap((line, n) => [`echo '${mark(n)}'`, onServer(line)]),
    `echo '${mark(lines.length)}'`,
    'echo "$first $second $job"',
  ]
  const shell = spawn("bash", ["-c", script.join("\n")], {
    cwd: server.home,
    // the blocks of the timeline are printed where the terminal knows them
    env: { ...cleanEnvironment(server.home), LC_ALL: "C.UTF-8" },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let out = ""
  let err = ""
  shell.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")))
  shell.stderr.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")))
  const ended = new Promise<number | null>((resolve) => shell.once("close", resolve))
  try {
    const code = await bounded(ended, deadlineMs, `The tour does not end:\n${out}\n${err}`)
    if (code !== 0) throw new Error(`The tour ended with ${code}:\n${out}\n${err}`)
  } finally {
    shell.kill("SIGKILL")
  }
  const parts = out.split(/^@@ \d+ @@\n/m).slice(1)
  return new Map([...lines, "ids"].map((line, n) => [line, parts[n] ?? ""]))
}

/** What the one line that begins so has written. */
function said(beginning: string): string {
  const [[, text] = []] = [...written].filter(([line]) => line.startsWith(beginning))
  if (text === undefined) throw new Error(`The README has no line ${beginning}…`)
  return text
}

const provisioned = (id: string) =>
  server.until(
    async () => ((await server.client.berth.gpuRequest(id)).state === "provisioned" ? true : undefined),
    `${id} is provisioned`,
  )

it("goes as it is printed, and what was said before came true", async () => {
  const [first = "", second = "", job = ""] = said("ids").trim().split(" ")
  const { berth } = server.client
  const [one, two] = [await berth.gpuRequest(first), await berth.gpuRequest(second)]
  const events = (await berth.events({ limit: 1000 })).items
  /** When the first of these events came. */
  const at = (subject: string, type: string) => {
    const event = events.find((each) => each.subject === `gpu-request/${subject}` && each.type === type)
    if (!event) throw new Error(`${subject} has no event ${type}`)
    return { seq: events.indexOf(event), ms: Date.parse(event.time) }
  }

  // what it was told while it waited: that the node is the first one's, until that one's end
  const end = new Date(Date.parse(one.startedAt ?? "") + 2 * 3_600_000).toISOString()
  expect(two.firstEstimate?.startAt).toBe(end)
  const minute = end.slice(0, 16).replace("T", " ")
  expect(said("npx berth why $second")).toMatch(
    new RegExp(`^ +estimate +starts about in (2h|1h59m) \\(${minute} UTC\\) on sim-h100-0$`, "m"),
  )
  expect(said("npx berth why $second")).toMatch(
    new RegExp(`held by ${first} until ${end.slice(0, 19)}.*\\(sim-h100-0\\)`),
  )
  expect(said("npx berth why $job")).toContain(`${job} in research is Pending`)
  expect(said("npx berth why $job")).toContain(
    `The GPU request ${second} that it waits for is not provisioned yet; expected at ${end}.`,
  )
  const timeline = said("npx berth timeline")
  expect(timeline).toMatch(/^sim-h100-0 .*A█+B░+/m)
  expect(timeline).toMatch(new RegExp(`^A  ${first}  1 node, running, .*vision  pretrain$`, "m"))
  expect(timeline).toMatch(new RegExp(`^B  ${second}  1 node, predicted, .*research  finetune$`, "m"))
  expect(said("npx berth gpus estimate")).toMatch(
    /^It would start in about (2 h|1 h 59 min), at .*, on sim-h100-0 in cluster local\.$/m,
  )

  // what came true: given back, handed on, and the job began by itself on it
  expect(one).toMatchObject({ state: "early_released", cause: "released" })
  expect(at(first, "gpu-request.released").seq).toBeLessThan(at(second, "gpu-request.provisioned").seq)
  expect(at(second, "gpu-request.provisioned").ms).toBeLessThan(Date.parse(end) - 3_600_000)
  expect(said("npx berth logs -f $job")).toBe("training on GPUs 0,1,2,3,4,5,6,7\n")
  const ran = await server.workload(job)
  expect(ran.phase).toBe("Succeeded")
  expect(ran.pods.map((pod) => pod.adminNodeName)).toEqual(["sim-h100-0"])
  expect(Date.parse(`${ran.startTime}Z`)).toBeGreaterThanOrEqual(
    Math.floor(at(second, "gpu-request.provisioned").ms / 1000) * 1000,
  )
  const table = written.get("npx berth gpus") ?? ""
  expect(table).toContain(second)
  expect(table).not.toContain(first)
  expect(two).toMatchObject({ state: "early_released" })
  expect(server.errors()).toEqual([])

  // the same by the EGS API
  if (!hasCurl) return
  const [made = "", listed = ""] = [...written]
    .filter(([line]) => line.startsWith("curl "))
    .map(([, text]) => text)
  const { gprId } = (JSON.parse(made) as { data: { gprId: string } }).data
  expect(JSON.parse(listed)).toMatchObject({
    statusCode: 200,
    data: { items: expect.arrayContaining([expect.objectContaining({ gprId, gprName: "from-curl" })]) },
  })
  await provisioned(gprId)
  await berth.releaseGpuRequest(gprId)
})

it("refuses the extension that the README says is refused", async () => {
  const { berth } = server.client
  const ask = (workspaceId: string) =>
    berth.createGpuRequest({ name: "g", workspaceId, gpusPerNode: 8, durationSeconds: 7200 })
  const [holder, waiter] = [await ask("vision"), await ask("research")]
  await provisioned(holder.id)
  await expect(berth.extendGpuRequest(holder.id, 3600)).rejects.toThrow("are promised to another request")
  await berth.cancelGpuRequest(waiter.id)
  const longer = await berth.extendGpuRequest(holder.id, 3600)
  expect(longer.durationSeconds).toBe(3 * 3600)
})
