import type { Prober } from "../../domain/services/index.ts"
import type { Clock } from "../../kit/clock.ts"

/** Addresses outside, as a test has them. */
export interface FakeProber extends Prober {
  /** What an address says from now on; the others answer 200. */
  answer(url: string, status: number | "nothing"): void
  /** How often it was asked. */
  asked(url: string): number
}

export function createFakeProber(clock: Pick<Clock, "alarm">): FakeProber {
  const answers = new Map<string, number | "nothing">()
  const counts = new Map<string, number>()
  return {
    answer: (url, status) => void answers.set(url, status),
    asked: (url) => counts.get(url) ?? 0,
    probe(url, timeoutMs) {
      counts.set(url, (counts.get(url) ?? 0) + 1)
      const status = answers.get(url) ?? 200
      if (status !== "nothing") return Promise.resolve({ ok: status < 300, detail: `It answered ${status}.` })
      return new Promise((resolve) => {
        clock.alarm(timeoutMs, () =>
          resolve({ ok: false, detail: `It took longer than ${timeoutMs / 1000} s.` }),
        )
      })
    },
  }
}
