import type { RayDashboard, RayForward, RayForwarded } from "../../domain/ray/index.ts"
import type { Clock } from "../../kit/clock.ts"
import { sleep } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { Json } from "../../kit/json.ts"
import type { FakeRayHead } from "./fake-ray-head.ts"
import { jobInfo, jobLog, stopJob } from "./fake-ray-job.ts"

const readLimitMs = 2000
const writeLimitMs = 10_000

/** @param headOf the head that listens there now, if one does */
export function createFakeRayDashboard(
  clock: Clock,
  headOf: () => FakeRayHead | undefined,
  token: string | null,
): RayDashboard {
  async function call<T>(limitMs: number, signal: AbortSignal, act: (head: FakeRayHead) => T): Promise<T> {
    signal.throwIfAborted()
    const head = headOf()
    if (!head || head.mood === "unreachable")
      throw new AppError("unavailable", "Nothing answers at the address of the head.", {
        detail: "unreachable",
      })
    if (head.mood === "mute") act(head)
    if (head.mood !== "up") {
      await sleep(clock, limitMs, signal)
      throw new AppError("timeout", `The head did not answer within ${limitMs / 1000} s.`)
    }
    if (head.launch.token !== token) throw refused(401, "Unauthorized: a token is needed.")
    return act(head)
  }
  const read = <T>(signal: AbortSignal, act: (head: FakeRayHead) => T) => call(readLimitMs, signal, act)
  const write = <T>(signal: AbortSignal, act: (head: FakeRayHead) => T) => call(writeLimitMs, signal, act)
  const mono = () => clock.monotonicMs()

  return {
    async health(signal) {
      try {
        await read(signal, () => undefined)
        return { isReady: true, message: "" }
      } catch (error) {
        return { isReady: false, message: AppError.from(error).message }
      }
    },
    nodes: (signal) => read(signal, (head) => head.nodes()),
    submit: (job, signal) => write(signal, (head) => head.submit(job)),
    job: (id, signal) =>
      read(signal, ({ jobs }) => {
        const job = jobs.get(id)
        return job && jobInfo(job, mono())
      }),
    jobs: (signal) => read(signal, ({ jobs }) => [...jobs.values()].map((job) => jobInfo(job, mono()))),
    log: (id, signal) =>
      read(signal, ({ jobs }) => {
        const job = jobs.get(id)
        return job && jobLog(job, mono())
      }),
    stop: (id, signal) =>
      write(signal, ({ jobs }) => {
        const job = jobs.get(id)
        return job && stopJob(job, mono())
      }),
    remove: (id, signal) => write(signal, (head) => head.remove(id)),
    applyServe: (config, signal) => write(signal, ({ serve }) => serve.apply(config, mono())),
    serve: (signal) => read(signal, ({ serve }) => serve.view(mono())),
    forward: (request, signal) => write(signal, (head) => route(head, request, mono())),
  }
}

/** The little of Ray's own HTTP API that tests of the proxy ask for. */
function route(head: FakeRayHead, { method, path }: RayForward, mono: number): RayForwarded {
  if (method === "GET" && path === "/api/version")
    return json(200, { version: "4", ray_version: head.launch.runtime.version })
  if (method === "GET" && path === "/api/jobs/")
    return json(
      200,
      [...head.jobs.values()].map((job) => {
        const { submissionId, status } = jobInfo(job, mono)
        return { submission_id: submissionId, status }
      }),
    )
  return json(404, "404: Not Found")
}

function json(status: number, value: Json): RayForwarded {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  async function* body() {
    yield bytes
  }
  return { status, headers: { "content-type": "application/json" }, body: body() }
}

function refused(status: number, message: string): AppError {
  return new AppError("invalid", message, { detail: "refused", facts: { status } })
}
