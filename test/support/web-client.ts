import { request } from "node:http"
import { setTimeout as pause } from "node:timers/promises"

/** What the web server of the tests answers. */
export interface WebAnswer {
  readonly pid: number
  readonly version: string
}

const patienceMs = 10_000
const betweenMs = 5

/** One request over a connection of its own. @throws with the code of the connection's error */
export function ask(address: string): Promise<WebAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(patienceMs)
    const asked = request(`http://${address}/`, { agent: false, signal }, (answer) => {
      let text = ""
      answer.setEncoding("utf8")
      answer.on("data", (part: string) => (text += part))
      answer.on("error", reject)
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(JSON.parse(text) as WebAnswer)
        else reject(new Error(`It answered ${answer.statusCode}.`))
      })
    })
    asked.on("error", reject)
    asked.end()
  })
}

/** Asks all the time, in turn at each address, a few at once. */
export interface WebClient {
  /** Latest last; the newest 2,000. */
  readonly answers: readonly WebAnswer[]
  /** Codes of what failed since the last look at them. */
  takeFailures(): readonly string[]
  /** Resolves when the last request is over. */
  stop(): Promise<void>
}

const mostAnswers = 2000

/** @param lanes how many ask at the same time */
export function startWebClient(addresses: readonly string[], lanes = 4): WebClient {
  const answers: WebAnswer[] = []
  let failures: string[] = []
  const over = new AbortController()

  async function lane(at: number): Promise<void> {
    for (let n = at; !over.signal.aborted; n++) {
      try {
        answers.push(await ask(addresses[n % addresses.length] ?? ""))
        if (answers.length > mostAnswers) answers.shift()
      } catch (error) {
        failures.push((error as { code?: string }).code ?? String(error))
      }
      await pause(betweenMs)
    }
  }

  const running = Array.from({ length: lanes }, (_, at) => lane(at))
  return {
    answers,
    takeFailures() {
      const taken = failures
      failures = []
      return taken
    },
    async stop() {
      over.abort()
      await Promise.all(running)
    },
  }
}
