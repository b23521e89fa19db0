import fc from "fast-check"
import { expect, it } from "vitest"
import { aMachine } from "../workspaces/platform-suite.ts"
import { movedFacts } from "./node-facts.ts"
import { observe, observeNothing } from "./observe.ts"
import type { Node, NodeFacts, NodeId } from "./types.ts"

const look = { clusterId: "local", atMs: 1_000, idFor: (name: string) => `nod_${name}` as NodeId }

/** What the store would hold after the observations. */
function after(known: readonly Node[], facts: readonly NodeFacts[]): readonly Node[] {
  const nodes = new Map(known.map((node) => [node.name, node]))
  for (const { kind, node } of observe(known, facts, look))
    nodes.set(node.name, kind === "insert" ? node : { ...node, version: node.version + 1 })
  return [...nodes.values()].filter((node) => node.removedAtMs === null)
}

const machine = fc.record({
  name: fc.constantFrom("a", "b", "c"),
  simulated: fc.boolean(),
  healthy: fc.boolean(),
  bootId: fc.constantFrom("1", "2"),
})
const machines = fc.uniqueArray(machine, { selector: (one) => one.name })
const factsOf = (all: readonly (Partial<NodeFacts> & { name: string })[]) =>
  all.map((one) => aMachine(one.name, { ...one, healthMessage: one.healthy === false ? "broken" : "" }))

it("finds nothing to write at a second look at the same machines", () => {
  fc.assert(
    fc.property(machines, machines, (before, now) => {
      const known = after(after([], factsOf(before)), factsOf(now))
      expect(observe(known, factsOf(now), look)).toEqual([])
    }),
  )
})

it("holds every machine that is seen as it is, and of the others only real ones, unhealthy", () => {
  fc.assert(
    fc.property(machines, machines, (before, now) => {
      const facts = factsOf(now)
      for (const node of after(after([], factsOf(before)), facts)) {
        const fact = facts.find((one) => one.name === node.name)
        if (fact) expect(movedFacts(node, fact)).toEqual([])
        else expect([node.simulated, node.healthy]).toEqual([false, false])
      }
    }),
  )
})

it("takes no note of readings or of the order of labels, but of every fact that decides something", () => {
  const known = after([], [aMachine("a")])
  const [gpu, other] = aMachine("a").gpus
  if (!gpu || !other) throw new Error("a machine has two GPUs")
  const hot = { ...gpu, temperatureC: 90, powerW: 700, utilisationPercent: 100 }
  const same = aMachine("a", { gpus: [hot, other], labels: { rack: "1", zone: "a" } })
  expect(observe(known, [same], look)).toEqual([])
  const changes: readonly Partial<NodeFacts>[] = [
    { gpus: [{ ...gpu, usedOutside: true }, other] },
    { gpus: [gpu] },
    { gpus: [other, gpu] },
    { labels: { zone: "a" } },
    { labels: { zone: "b", rack: "1" } },
    { taints: [{ key: "k", value: "", effect: "NoSchedule" }] },
    { capacity: { ...aMachine("a").capacity, cpuMilli: 1 } },
    { hostIp: "127.0.0.2" },
    { gpuModel: null },
    { healthy: false, healthMessage: "x" },
    { bootId: "2" },
    { simulated: true },
  ]
  for (const change of changes)
    expect([change, observe(known, [aMachine("a", change)], look).length]).toEqual([change, 1])
})

it("keeps what people decided about a node when its facts change", () => {
  const decided = { cordoned: true, draining: true, stuck: true, workspaceId: "team", firstSeenAtMs: 1 }
  const known = after([], [aMachine("a")]).map((node) => ({ ...node, ...decided }))
  expect(after(known, [aMachine("a", { bootId: "2" })])[0]).toMatchObject({ ...decided, bootId: "2" })
})

it("leaves an unhealthy node its own reason when the driver cannot look", () => {
  const known = after([], [aMachine("a"), aMachine("b", { healthy: false, healthMessage: "Xid 79" })])
  const observations = observeNothing(known, "The driver is down.")
  expect(observations.map(({ node }) => [node.name, node.healthy, node.healthMessage])).toEqual([
    ["a", false, "The driver is down."],
  ])
})
