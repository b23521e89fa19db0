import { expect, it } from "vitest"
import { curlLine, reachedAt } from "./addresses.ts"
import type { Session } from "./connect.ts"
import type { WorkloadDetail } from "@berth/contract/workloads"

const detail = { workloadId: "web-x", readiness: { path: "/up", port: 80 } } as unknown as WorkloadDetail

/** A session whose service goes through these states, one a look. */
function sessionOf(url: string, isLoopback: boolean, states: readonly object[]) {
  let looks = 0
  const endpoints = () => Promise.resolve({ items: [states[Math.min(looks++, states.length - 1)]] })
  const session = { place: { url, isLoopback }, client: { berth: { endpoints } } } as unknown as Session
  return { session, looks: () => looks }
}
const listening = { address: "127.65.1.2:80", listening: true, message: "" }
const signal = new AbortController().signal

it.each([
  ["http://127.0.0.1:8080", true, "127.0.0.1:30080", "http://127.0.0.1:30080/up", "here"],
  ["http://127.0.0.1:8080", true, "0.0.0.0:30080", "http://127.0.0.1:30080/up", "here"],
  ["http://127.0.0.1:8080", true, "", "http://127.65.1.2:80/up", "here"],
  ["https://gpu.example", false, "0.0.0.0:30080", "http://gpu.example:30080/up", "here"],
  ["https://gpu.example", false, "127.0.0.1:30080", "http://127.0.0.1:30080/up", "the server's machine"],
  ["https://gpu.example", false, "", "http://127.65.1.2:80/up", "the server's machine"],
])(
  "by %s (this machine: %s) a node address of '%s' is %s from %s",
  async (url, isHere, nodeAddress, to, from) => {
    const { session } = sessionOf(url, isHere, [{ ...listening, nodeAddress }])
    const reached = await reachedAt(session, detail, signal)
    expect(reached).toMatchObject({ url: to, from })
    expect(reached && curlLine(reached)).toBe(`curl ${to}`)
  },
)

it("waits until the service listens, or says why it does not", async () => {
  const late = sessionOf("http://127.0.0.1:1", true, [
    { ...listening, nodeAddress: "", listening: false },
    { ...listening, nodeAddress: "" },
  ])
  await reachedAt(late.session, detail, signal)
  expect(late.looks()).toBe(2)
  const message = "127.0.0.1:30080 is in use by another program."
  const taken = sessionOf("http://127.0.0.1:1", true, [
    { ...listening, nodeAddress: "127.0.0.1:30080", listening: false, message },
  ])
  expect(await reachedAt(taken.session, detail, signal)).toMatchObject({ message })
  expect(taken.looks()).toBe(1)
})
