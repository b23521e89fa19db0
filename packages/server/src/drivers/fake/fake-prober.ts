import type { Prober } from "../../domain/services/index.ts"

/** Addresses outside, as a test has them. */
export interface FakeProber extends Prober {
  /** What an address says from now on; the others answer 200. */
  answer(url: string, status: number): void
  /** How often it was asked. */
  asked(url: string): number
}

export function createFakeProber(): FakeProber {
  const answers = new Map<string, number>()
  const counts = new Map<string, number>()
  return {
    answer: (url, status) => void answers.set(url, status),
    asked: (url) => counts.get(url) ?? 0,
    probe(url) {
      counts.set(url, (counts.get(url) ?? 0) + 1)
      const status = answers.get(url) ?? 200
      return Promise.resolve({ ok: status < 300, detail: `It answered ${status}.` })
    },
  }
}
