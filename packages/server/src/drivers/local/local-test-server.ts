/** A server's life for tests that end it by kill -9: starts the attempt it reads, prints the handle, stays. */
import { text } from "node:stream/consumers"
import { systemClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import type { AttemptLaunch } from "../../domain/workloads/index.ts"
import { createLocalDriver } from "./local-driver.ts"
import { createLogFiles } from "./log-files.ts"

const { dataDir, launch } = JSON.parse(await text(process.stdin)) as {
  readonly dataDir: string
  readonly launch: AttemptLaunch
}
const driver = createLocalDriver({
  clusterId: "local",
  dataDir,
  clock: systemClock,
  log: silentLog,
  logs: createLogFiles({ clock: systemClock, log: silentLog }),
})
const handle = await driver.ensure(launch, new AbortController().signal)
systemClock.alarm(60_000, () => process.exit(1), true)
process.stdout.write(JSON.stringify(handle))
