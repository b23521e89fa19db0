/**
 * Figures of the KubeRay API and of the Ray clusters behind it.
 *
 *     node bench/ray.ts [http|ready|memory ...]   (default: these)
 *     node bench/ray.ts real [PYTHON]             (Ray 2.60.0 of that Python; default: it is installed first)
 *
 * `http` and `memory` ask a server as it is started, whose queue is paused: what they make waits. `ready` is in this
 * process, on a fake backend. `real` starts real clusters on this machine.
 */
import { machine } from "./support.ts"
import { createsAndLists, memoryOfClusters } from "./ray-http.ts"
import { readyOnFake } from "./ray-fake.ts"
import { realClusters } from "./ray-real.ts"

const figures: Readonly<Record<string, () => Promise<void>>> = {
  http: createsAndLists,
  ready: readyOnFake,
  memory: memoryOfClusters,
}

console.log(machine())
const [first, python] = process.argv.slice(2)
if (first === "real") await realClusters(python)
else {
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(figures)
  for (const name of wanted) {
    const take = figures[name]
    if (!take) throw new Error(`${name} is none of ${Object.keys(figures).join(", ")}, real.`)
    await take()
  }
}
