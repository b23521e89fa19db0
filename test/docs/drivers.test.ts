import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

const drivers = fileURLToPath(new URL("../../packages/server/src/drivers/", import.meta.url))
const folders = readdirSync(drivers, { withFileTypes: true }).filter((entry) => entry.isDirectory())

it.each(folders.map(({ name }) => name))("the %s driver is put through the suite of all drivers", (name) => {
  const tests = readdirSync(drivers + name).filter((file) => file.endsWith(".test.ts"))
  const callers = tests.filter((file) =>
    /^ *driverSuite\(/m.test(readFileSync(`${drivers}${name}/${file}`, "utf8")),
  )
  expect(callers.length).toBeGreaterThan(0)
})
