import { expect, test } from "vitest"
import { isOneUserMachine } from "./one-user.ts"

const system = [
  "root:x:0:0:root:/root:/bin/bash",
  "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin",
  "sync:x:4:65534:sync:/bin:/bin/sync",
  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
]
const ada = "ada:x:1000:1000:Ada:/home/ada:/bin/bash"
const table = (...lines: readonly string[]) => `${[...system, ...lines].join("\n")}\n`

test("a machine has one user where no other account is a person's", () => {
  expect(isOneUserMachine(1000, table(ada))).toBe(true)
  expect(isOneUserMachine(1000, table(ada, "svc:x:1001:1001::/srv:/bin/false"))).toBe(true)
  expect(isOneUserMachine(1000, table(ada, "bob:x:1001:1001:Bob:/home/bob:/bin/sh"))).toBe(false)
  // an account without a shell of its own signs in with /bin/sh
  expect(isOneUserMachine(1000, table(ada, "bob:x:1001:1001:Bob:/home/bob:"))).toBe(false)
})

test("root gives workspaces accounts, and a table that cannot be read tells nothing", () => {
  expect(isOneUserMachine(0, table())).toBe(false)
  expect(isOneUserMachine(1000, "")).toBe(false)
})
