import type { AttemptId, AttemptLaunch, PodLaunch } from "../../domain/workloads/index.ts"
import { createVirtualClock } from "../../kit/clock.ts"
import type { DriverWorld, PodBehaviour } from "../driver-world.ts"
import { servingSuite } from "../driver-suite-serving.ts"
import { driverSuite } from "../driver-suite.ts"
import { createFakeDriver } from "./fake-driver.ts"
import type { FakeProgram } from "./fake-pod.ts"
import { createFakeWorld } from "./fake-world.ts"

function programFor(behaviour: PodBehaviour): FakeProgram {
  const lines = (texts: readonly string[] = []) => texts.map((text) => ({ afterMs: 0, text }))
  switch (behaviour.does) {
    case "exit":
      return { runMs: 5, exitCode: behaviour.code, lines: lines(behaviour.lines) }
    case "run":
      return { lines: lines(behaviour.lines) }
    case "exitOnTerm":
      return { termExitCode: behaviour.code, printsReason: true, lines: lines(["ready"]) }
    case "ignoreTerm":
      return { ignoresTerm: true, lines: lines(["ready"]) }
    case "signalItself":
      return { runMs: 5, exitCode: 128 + behaviour.signal }
    case "exitUnfinished":
      return { runMs: 5, lines: lines(behaviour.text.split("\n")) }
    case "vanish":
      return { runMs: 5, vanishes: true }
    case "serve":
      return { ...(behaviour.answers === "good" ? {} : { readyAfterMs: null }), lines: lines(["up"]) }
  }
}

async function makeWorld(): Promise<DriverWorld> {
  const clock = createVirtualClock()
  const taken = new Set<number>()
  let ports = 8000
  const programs = new Map<AttemptId, readonly PodBehaviour[]>()
  const pod = ({ id }: AttemptLaunch, { index }: PodLaunch) => {
    const behaviours = programs.get(id) ?? []
    const behaviour = behaviours[index] ?? behaviours.at(-1)
    return behaviour ? programFor(behaviour) : {}
  }
  const ensure = ({ pods }: AttemptLaunch) =>
    pods.some((each) => each.ports.some((port) => taken.has(port))) ? "port_in_use" : "start"
  const amounts = { cpuMilli: 8000, memoryBytes: 1e10, gpus: 0, ephemeralBytes: 0 }
  const node = {
    name: "node-0",
    hostIp: "127.0.0.1",
    instanceType: "fake",
    gpuModel: null,
    gpus: [],
    physical: amounts,
    capacity: amounts,
    labels: {},
    taints: [],
    simulated: true,
    bootId: "boot",
    healthy: true,
    healthMessage: "",
  }
  const world = createFakeWorld({ clock, nodes: [node], script: { pod, ensure } })
  const begin = () => createFakeDriver({ clusterId: "fake", clock, world })
  let driver = begin()
  return {
    get driver() {
      return driver
    },
    async restart() {
      driver = begin()
    },
    behave(launch, behaviours) {
      programs.set(launch.id, behaviours)
      return launch
    },
    answer(launch, index, answer) {
      const pod = launch.pods[index]
      if (!pod) throw new Error(`there is no pod ${index}`)
      if (pod.probes?.readiness) world.setReady(launch.id, pod.podId, answer === "good")
      if (pod.probes?.liveness && answer !== "good") world.endUnhealthy(launch.id, pod.podId)
    },
    freePort: async () => ++ports,
    async occupy(_launch, port) {
      taken.add(port)
      return async () => void taken.delete(port)
    },
    goOn: () => clock.advance(20),
    starts: async ({ id }) => world.starts(id),
    nowMs: () => clock.nowMs(),
    async close() {
      await driver.close()
    },
  }
}

driverSuite("the fake driver", makeWorld)
servingSuite("the fake driver", makeWorld)
