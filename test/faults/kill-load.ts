import { setTimeout as pause } from "node:timers/promises"
import type { Random } from "../support/random.ts"
import { jobRequest, type RealServer } from "../support/real-server.ts"

/** What a job does by itself; `serves` and `crashes` are applications, whose pods stay or are restarted. */
export type Habit = "succeeds" | "fails" | "stays" | "serves" | "crashes"

/** Whether it goes on until somebody stops it. */
export function isEndless(habit: Habit): boolean {
  return habit === "stays" || isServing(habit)
}

/** Whether it is an application. */
export function isServing(habit: Habit): boolean {
  return habit === "serves" || habit === "crashes"
}

/** What is known of one workload from the answers alone. */
export interface Entry {
  readonly id: string
  readonly habit: Habit
  replicas: number
  /** Numbers of replicas that were asked for since, and whose answer never came. */
  readonly perhapsReplicas: number[]
  /** A stop was sent, whatever became of it. */
  stopSent: boolean
  stopAnswered: boolean
  /** The last description that was answered, and those sent after it whose answer never came. */
  description: string
  readonly perhaps: string[]
}

export interface Load {
  readonly entries: readonly Entry[]
  /** Answers of success, by kind of request. */
  readonly answered: Readonly<Record<"create" | "stop" | "patch" | "change", number>>
  /** Answers that are neither a success nor one that a server gives while it goes or comes. */
  readonly odd: readonly string[]
  /** Lets the clients finish the request at hand. */
  end(): Promise<void>
}

const clients = 4
const longestRestMs = 12
const habits: readonly Habit[] = ["succeeds", "fails", "stays", "succeeds", "serves", "serves", "crashes"]
/** So many jobs of one client that stay by themselves: then it stops one. */
const mostStaying = 5

/**
 * Several clients that create, stop and patch without rest. A request that a kill cut off may have happened or not.
 * @param startsFile where every pod writes its attempt, rank and pid when it starts
 */
export function startLoad(server: RealServer, random: Random, startsFile: string): Load {
  const entries: Entry[] = []
  const answered = { create: 0, stop: 0, patch: 0, change: 0 }
  const odd: string[] = []
  const over = new AbortController()

  /** The status of the answer, and its JSON; undefined when none came or the server is not ready. */
  async function send(method: string, path: string, json: unknown) {
    try {
      const answer = await server.call(method, `/api/v1/workloads${path}`, { json })
      return answer.status === 503 ? undefined : answer
    } catch {
      return undefined
    }
  }

  async function create(): Promise<Entry | undefined> {
    const habit: Habit = random.pick(habits) ?? "succeeds"
    const replicas = random.chance(0.2) ? 2 : 1
    const answer = await send("POST", "", jobFor(habit, replicas, startsFile, random))
    if (answer === undefined) return undefined
    if (answer.status !== 200) {
      odd.push(`create: ${answer.status} ${answer.text}`)
      return undefined
    }
    answered.create++
    const id = (answer.json as { readonly workloadId: string }).workloadId
    const entry: Entry = {
      id,
      habit,
      replicas,
      perhapsReplicas: [],
      stopSent: false,
      stopAnswered: false,
      description: "",
      perhaps: [],
    }
    entries.push(entry)
    return entry
  }

  async function stop(entry: Entry): Promise<void> {
    entry.stopSent = true
    const answer = await send("POST", `/${entry.id}/stop`, undefined)
    if (answer === undefined) return
    if (answer.status !== 200) return void odd.push(`stop ${entry.id}: ${answer.status} ${answer.text}`)
    answered.stop++
    entry.stopAnswered = true
  }

  async function patch(entry: Entry, text: string): Promise<void> {
    const answer = await send("PATCH", `/${entry.id}`, { description: text })
    if (answer === undefined) return void entry.perhaps.push(text)
    // it has ended: nothing may be changed any more
    if (answer.status === 409) return
    if (answer.status !== 200) return void odd.push(`patch ${entry.id}: ${answer.status} ${answer.text}`)
    answered.patch++
    entry.description = text
    entry.perhaps.length = 0
  }

  /** More or fewer pods, or other ones. */
  async function change(entry: Entry, step: number): Promise<void> {
    const replica = random.between(1, 3)
    const env = random.chance(0.5) ? { env: { STEP: String(step) } } : {}
    const answer = await send("PATCH", `/${entry.id}`, { replica, ...env })
    if (answer === undefined) return void entry.perhapsReplicas.push(replica)
    if (answer.status === 409) return
    if (answer.status !== 200) return void odd.push(`change ${entry.id}: ${answer.status} ${answer.text}`)
    answered.change++
    entry.replicas = replica
    entry.perhapsReplicas.length = 0
  }

  async function act(own: Entry[], step: number): Promise<void> {
    const staying = own.filter((entry) => isEndless(entry.habit) && !entry.stopAnswered)
    const chosen = random.pick(own)
    if (staying.length > mostStaying) return stop(random.pick(staying) ?? staying[0] ?? never())
    if (chosen !== undefined && random.chance(0.15)) return stop(chosen)
    const serving = own.filter((entry) => isServing(entry.habit) && !entry.stopSent)
    if (serving.length > 0 && random.chance(0.3)) return change(random.pick(serving) ?? never(), step)
    if (chosen !== undefined && random.chance(0.3)) return patch(chosen, `step ${step} of ${chosen.id}`)
    const made = await create()
    if (made) own.push(made)
  }

  async function client(): Promise<void> {
    const own: Entry[] = []
    for (let step = 0; !over.signal.aborted; step++) {
      if (server.url !== "") await act(own, step)
      await pause(random.between(1, longestRestMs))
    }
  }

  const running = Promise.all(Array.from({ length: clients }, client))
  return {
    entries,
    answered,
    odd,
    async end() {
      over.abort()
      await running
    },
  }
}

function never(): never {
  throw new Error("An empty list has more than five members.")
}

/** One write to a file that is opened for appending: lines of pods that start at once do not mix. */
function jobFor(habit: Habit, replicas: number, startsFile: string, random: Random) {
  const note = `echo "$BERTH_ATTEMPT \${RANK:-0} $$" >>'${startsFile}'`
  const seconds = random.pick(["0", "0.05", "0.3"]) ?? "0"
  const then = {
    succeeds: `sleep ${seconds}`,
    fails: `sleep ${seconds}; exit 3`,
    stays: "exec sleep 3600",
    serves: "exec sleep 3600",
    crashes: `sleep ${seconds}; exit 4`,
  }
  const gpus = !isServing(habit) && random.chance(0.6) ? { gpu: "1" } : {}
  const kind = isServing(habit) ? (random.pick(["Deployment", "StatefulSet"]) ?? "Deployment") : "PyTorchJob"
  return jobRequest({
    groupVersionKind: { version: "v1", kind },
    script: `${note}\n${then[habit]}`,
    maxRetry: habit === "fails" ? 1 : 0,
    resource: { replica: replicas, cpu: "1m", memory: "64Mi", ...gpus },
  })
}
